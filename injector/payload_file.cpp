#include "injector/payload_file.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "injector/failure.hpp"
#include "injector/rootfs/elf.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::payload_file {
namespace {

constexpr const char* file_name = "dboot-init";

std::vector<std::string> places() {
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  return {self / file_name, (self / DBOOT_LIBEXEC_FROM_SBIN / file_name).lexically_normal()};
}

[[noreturn]] void execute_self_test(int directory, const std::string& name) {
  const int null = ::open("/dev/null", O_RDWR);
  for (const int fd : {0, 1, 2}) ::dup2(null, fd);
  std::array<char*, 3> arguments{const_cast<char*>(file_name), const_cast<char*>("--self-test"),
                                 nullptr};
  std::array<char*, 1> environment{nullptr};
  ::syscall(SYS_execveat, directory, name.c_str(), arguments.data(), environment.data(), 0);
  ::_exit(126);
}

std::string describe(int status) {
  if (WIFSIGNALED(status))
    return std::string("it was killed by SIG") + ::sigabbrev_np(WTERMSIG(status));
  return "it ended with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Payload locate(const std::string& path) {
  const bool own = path.empty();
  std::string looked;
  for (const auto& place : own ? places() : std::vector{path}) {
    // A FIFO is no payload, and nobody waits for its writer.
    UniqueFd fd(::open(place.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd) return {std::move(fd), place, own};
    if (errno != ENOENT) sys::fail(errno, {"open the payload ", place});
    looked += (looked.empty() ? "" : " and ") + place;
  }
  throw Failure("the payload is not there: looked for " + looked,
                own ? "install dboot-init, or name it with --payload" : "correct --payload");
}

void check(int fd) {
  const auto program = elf::check_loadable(fd);
  if (program.interpreter.empty()) return;
  throw Failure("the payload is linked dynamically, and asks for " + program.interpreter,
                "link it statically: no library of the old or of the new system is promised to it");
}

void prove(int directory, const std::string& name) {
  const auto refuse = [](const std::string& why) {
    throw Failure("the payload does not run: " + why,
                  "replace the file; PID 1 would not have survived it");
  };
  clone_args arguments{};
  int pidfd = -1;
  arguments.flags = CLONE_NEWPID | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  const auto child = static_cast<pid_t>(
      sys::check(::syscall(SYS_clone3, &arguments, sizeof arguments), "clone3 for the self-test"));
  if (child == 0) execute_self_test(directory, name);
  const UniqueFd ended(pidfd);

  pollfd poll{ended.get(), POLLIN, 0};
  int count = 0;
  while ((count = ::poll(&poll, 1, 10'000)) < 0 && errno == EINTR) {
  }
  if (count <= 0) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (count <= 0) refuse("its self-test did not end within 10 s");
  if (status != 0) refuse(describe(status));
}

}  // namespace dboot::payload_file
