#include "tests/machine/driver/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "shared/system/syscalls.hpp"

namespace dboot::machine {
namespace {

/// After fork: no allocation, no return.
[[noreturn]] void become(char* const* argv, const std::vector<int>& inherited, int nothing, int log,
                         pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  // First out of the way of the numbers that are about to be given out, then into place. What
  // dup2 makes is inherited; everything else here is closed by the exec.
  const int base = 3 + static_cast<int>(inherited.size());
  for (std::size_t n = 0; n < inherited.size(); ++n) {
    const int moved = ::fcntl(inherited[n], F_DUPFD_CLOEXEC, base);
    ::dup2(moved, 3 + static_cast<int>(n));
  }
  ::dup2(nothing, 0);
  ::dup2(log, 1);
  ::dup2(log, 2);
  ::execvp(argv[0], argv);
  ::_exit(127);
}

}  // namespace

Child::Child(const std::vector<std::string>& arguments, const std::vector<int>& inherited,
             int log) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const UniqueFd nothing(::fcntl(sys::open("/dev/null", O_RDWR).get(), F_DUPFD_CLOEXEC, 64));
  const UniqueFd output(sys::check(::fcntl(log, F_DUPFD_CLOEXEC, 64), "duplicate the log"));
  // All descriptors of the caller that are inherited are moved above the numbers 3, 4, ….
  std::vector<UniqueFd> high;
  std::vector<int> numbers;
  for (const int fd : inherited) {
    high.emplace_back(sys::check(::fcntl(fd, F_DUPFD_CLOEXEC, 64), "duplicate a descriptor"));
    numbers.push_back(high.back().get());
  }
  const pid_t parent = ::getpid();
  pid_ = sys::check(::fork(), "fork");
  if (pid_ == 0) become(argv.data(), numbers, nothing.get(), output.get(), parent);
  pidfd_ = sys::try_pidfd_open(pid_);
}

Child::~Child() {
  if (status_ >= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

int Child::wait() {
  if (status_ >= 0) return status_;
  int raw = 0;
  while (sys::check(::waitpid(pid_, &raw, 0), "wait for a program") != pid_) {
  }
  status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return status_;
}

bool Child::ended() {
  pollfd end{pidfd_.get(), POLLIN, 0};
  return status_ >= 0 || ::poll(&end, 1, 0) > 0;
}

Output run_program(const std::vector<std::string>& arguments) {
  const UniqueFd log(sys::check(::memfd_create("output", MFD_CLOEXEC), "memfd_create"));
  Child child(arguments, {}, log.get());
  Output output;
  output.status = child.wait();
  output.text = sys::read_file("/proc/self/fd/" + std::to_string(log.get()));
  return output;
}

}  // namespace dboot::machine
