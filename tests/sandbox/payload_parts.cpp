#include "tests/sandbox/payload_parts.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "shared/proc/namespace.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {

Pipe::Pipe() {
  std::array<int, 2> ends{};
  sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
  out.reset(ends[0]);
  in.reset(ends[1]);
}

std::string Pipe::text() {
  in.reset();
  std::string text;
  std::array<char, 4096> bytes;
  for (ssize_t count = 0; (count = ::read(out.get(), bytes.data(), bytes.size())) > 0;)
    text.append(bytes.data(), static_cast<std::size_t>(count));
  return text;
}

std::string as_pid_1(const std::function<std::string()>& body) {
  Pipe answer;
  clone_args arguments{};
  arguments.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET;
  arguments.exit_signal = SIGCHLD;
  const auto pid =
      static_cast<pid_t>(sys::check(::syscall(SYS_clone3, &arguments, sizeof arguments), "clone3"));
  if (pid == 0) {
    std::string text = "not in a namespace of its own";
    try {
      sys::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make private");
      sys::check(::mount("proc", "/proc", "proc", 0, nullptr), "mount /proc");
      if (::getpid() == 1 && !in_initial_namespace("pid")) text = body();
    } catch (const std::exception& error) {
      text = error.what();
    }
    sys::write_all(answer.in.get(), text);
    ::_exit(0);
  }
  const auto text = answer.text();
  ::waitpid(pid, nullptr, 0);
  return text;
}

std::vector<UniqueFd> null_and(const UniqueFd& output) {
  std::vector<UniqueFd> stdio;
  stdio.push_back(sys::open("/dev/null", O_RDWR));
  for (int number = 1; number <= 2; ++number)
    stdio.emplace_back(sys::check(::fcntl(output.get(), F_DUPFD_CLOEXEC, 3), "duplicate"));
  return stdio;
}

pid_t start_sleeping(const char* name) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl("/bin/sleep", name, "1000", nullptr);
    ::_exit(127);
  }
  return pid;
}

std::string name_of(pid_t pid) {
  const auto arguments = sys::read_file_or_empty("/proc/" + std::to_string(pid) + "/cmdline");
  return arguments.substr(0, arguments.find('\0'));
}

}  // namespace dboot
