#include "tests/sandbox/sandbox_host.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <stdexcept>

#include "injector/inject/injection.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/proc/namespace.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::testing {
namespace {

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void enter(pid_t pid_1, const char* kind, int type) {
  const UniqueFd fd =
      sys::open("/proc/" + std::to_string(pid_1) + "/ns/" + kind, O_RDONLY | O_CLOEXEC);
  sys::check(::setns(fd.get(), type), "setns ", kind);
}

// The mount namespace of a sandbox has no file that denies a takeover. So nothing may come to be in
// it whose own PID 1 is the machine's: the PID namespace is entered first, and looked at.
void enter_all(pid_t pid_1) {
  const std::string pid = std::to_string(pid_1);
  if (in_initial_namespace("pid") || namespace_of("self", "pid") != namespace_of(pid, "pid")) {
    throw std::logic_error("not in the PID namespace of the sandbox");
  }
  // The mount namespace last: /proc is another one then.
  for (const auto& [kind, type] :
       {std::pair{"uts", CLONE_NEWUTS}, std::pair{"ipc", CLONE_NEWIPC},
        std::pair{"net", CLONE_NEWNET}, std::pair{"cgroup", CLONE_NEWCGROUP},
        std::pair{"mnt", CLONE_NEWNS}}) {
    enter(pid_1, kind, type);
  }
}

// The copies of what other tests have mounted go when those tests do, at any time: they are no part
// of this host.
void leave_mounts_of_other_tests() {
  const std::string directory = std::filesystem::temp_directory_path();
  const auto table = parse_mount_table(sys::read_file("/proc/self/mountinfo"));
  for (const Mount& mount : unmount_order(table, directory)) {
    if (mount.mount_point != directory) ::umount2(mount.mount_point.c_str(), MNT_DETACH);
  }
}

[[noreturn]] void execute(std::vector<std::string> command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  ::_exit(99);
}

}  // namespace

SandboxProcess::SandboxProcess(SandboxProcess&& other) noexcept
    : waiter_(std::exchange(other.waiter_, -1)),
      pid_(other.pid_),
      output_(std::move(other.output_)) {}

SandboxProcess::~SandboxProcess() {
  if (waiter_ < 0) return;
  signal(SIGKILL);
  wait();
}

void SandboxProcess::signal(int number) const {
  ::kill(pid_, number);
}

int SandboxProcess::wait() {
  return wait_for(std::exchange(waiter_, -1));
}

std::string SandboxProcess::output(const std::function<bool()>& enough) {
  std::string text;
  std::array<char, 4096> piece{};
  const auto last = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (std::chrono::steady_clock::now() < last) {
    pollfd readable{output_.get(), POLLIN, 0};
    if (::poll(&readable, 1, 20) != 1) {
      if (enough && enough()) return text;
      continue;
    }
    const ssize_t got = ::read(output_.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return text + "(goes on)";
}

SandboxHost::SandboxHost() {
  const int status = start([] {
                       leave_mounts_of_other_tests();
                       const char* guard = "/etc/dboot";
                       if (::access(guard, F_OK) != 0) return 0;
                       return ::mount("tmpfs", guard, "tmpfs", 0, nullptr) == 0 ? 0 : 1;
                     }).wait();
  if (status != 0) throw std::runtime_error("the sandbox could not be furnished");
  // Until it waits: how PID 1 is belongs to the state of the host.
  for (auto pid_1_status = read_process_status(pid_1()); pid_1_status && pid_1_status->state == 'R';
       pid_1_status = read_process_status(pid_1())) {
    ::sched_yield();
  }
}

void SandboxHost::replace_pid_1(const std::vector<std::string>& command) {
  const inject::Program program{command.at(0), command, {}};
  if (inject::execute(host_.target(), program, std::chrono::seconds(5), {}) !=
      inject::Outcome::executed) {
    throw std::runtime_error("PID 1 of the sandbox could not be replaced");
  }
}

SandboxProcess SandboxHost::start(const std::vector<std::string>& command) const {
  return start([&]() -> int { execute(command); });
}

SandboxHost::Result SandboxHost::run(const std::vector<std::string>& command) const {
  SandboxProcess process = start(command);
  std::string output = process.output();
  return {process.wait(), std::move(output)};
}

int SandboxHost::attend(std::string& console) {
  ::testing::internal::CaptureStdout();
  OwnStdio own;
  const int status = host_.attend(own);
  console = ::testing::internal::GetCapturedStdout();
  return status;
}

HostState SandboxHost::state() const {
  SandboxProcess process = start([] {
    sys::write_all(STDOUT_FILENO, serialize(capture_host_state()));
    return 0;
  });
  const std::string text = process.output();
  if (process.wait() != 0) throw std::runtime_error("the state of the sandbox: " + text);
  return deserialize(text);
}

std::string SandboxHost::executable_of_pid_1() const {
  std::error_code none;
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid_1()) + "/exe", none);
}

// A child of this process enters the PID namespace, which only its own child is then in. It stays
// outside to tell the pid and to wait.
SandboxProcess SandboxHost::start(const std::function<int()>& main) const {
  std::array<int, 2> output{};
  std::array<int, 2> told{};
  sys::check(::pipe2(output.data(), O_CLOEXEC), "pipe");
  sys::check(::pipe2(told.data(), O_CLOEXEC), "pipe");
  UniqueFd output_read(output[0]), output_write(output[1]), told_read(told[0]), told_write(told[1]);
  const pid_t waiter = sys::check(::fork(), "fork");
  if (waiter == 0) {
    try {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      enter(pid_1(), "pid", CLONE_NEWPID);
      const pid_t pid = sys::check(::fork(), "fork");
      if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        enter_all(pid_1());
        const UniqueFd null = sys::open("/dev/null", O_RDWR);
        ::dup2(null.get(), STDIN_FILENO);
        ::dup2(output_write.get(), STDOUT_FILENO);
        ::dup2(output_write.get(), STDERR_FILENO);
        ::_exit(main());
      }
      sys::write_all(told_write.get(), {reinterpret_cast<const char*>(&pid), sizeof pid});
      output_write.reset();
      ::_exit(wait_for(pid));
    } catch (const std::exception& error) {
      const std::string what = std::string(error.what()) + "\n";
      [[maybe_unused]] const ssize_t said = ::write(output_write.get(), what.data(), what.size());
      ::_exit(98);
    }
  }
  told_write.reset();
  pid_t pid = -1;
  if (::read(told_read.get(), &pid, sizeof pid) != sizeof pid) {
    wait_for(waiter);
    throw std::runtime_error("the sandbox could not be entered");
  }
  return {waiter, pid, std::move(output_read)};
}

}  // namespace dboot::testing
