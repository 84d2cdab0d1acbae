#include "tests/injection/stub_init.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <ostream>
#include <stdexcept>
#include <thread>

#include "shared/system/syscalls.hpp"
#include "tests/injection/canary.hpp"

namespace dboot::testing {
namespace {

Shared* shared_of_stub = nullptr;

void count_signal(int) {
  __atomic_fetch_add(&shared_of_stub->signals, 1, __ATOMIC_SEQ_CST);
}

long futex(std::uint32_t* word, int operation, std::uint32_t value, const timespec* timeout) {
  return ::syscall(SYS_futex, word, operation, value, timeout, nullptr, 0);
}

template <class Value>
long argument(Value* pointer) {
  return reinterpret_cast<long>(pointer);
}

// One round of the work: what it returned, and whether it may.
bool work_once(Work work, int epoll) {
  static timespec moment{0, 3'000'000};
  static std::uint32_t word = 0;
  static std::array<epoll_event, 4> events;
  static sigset_t set;
  switch (work) {
    case Work::epoll_wait: {
      const long result =
          canary::canary_syscall(SYS_epoll_wait, epoll, argument(events.data()), 4, 3);
      return result == 0 || result == -EINTR;
    }
    case Work::poll: {
      const long result = canary::canary_syscall(SYS_poll, 0, 0, 3, 0);
      return result == 0 || result == -EINTR;
    }
    case Work::futex: {
      const long result =
          canary::canary_syscall(SYS_futex, argument(&word), FUTEX_WAIT, 0, argument(&moment));
      return result == -ETIMEDOUT || result == -EINTR;
    }
    case Work::sigtimedwait: {
      sigemptyset(&set);
      sigaddset(&set, SIGUSR2);
      const long result =
          canary::canary_syscall(SYS_rt_sigtimedwait, argument(&set), 0, argument(&moment), 8);
      return result == -EAGAIN || result == -EINTR;
    }
    case Work::spin:
      return canary::canary_spin(500'000) == 0;
    case Work::crashed:
      canary::canary_syscall(SYS_pause, 0, 0, 0, 0);
      return false;  // with all signals blocked it never returns
    case Work::nanosleep:
    case Work::threads:
    case Work::vfork: {
      const long result = canary::canary_syscall(SYS_nanosleep, argument(&moment), 0, 0, 0);
      return result == 0 || result == -EINTR;
    }
  }
  return false;
}

void start_threads() {
  for (int i = 0; i < 3; ++i) {
    std::thread([] {
      for (;;) {
        if (!work_once(Work::nanosleep, -1)) shared_of_stub->corrupted = 1;
      }
    }).detach();
  }
}

void wait_in_vfork(int released) {
  char byte = 0;
  const pid_t child = ::vfork();  // NOLINT(*.vfork): being stuck in it is the point
  if (child == 0) {
    // NOLINTNEXTLINE(*.Vfork): a system call leaves the parent's memory alone
    while (::read(released, &byte, 1) < 0) {
    }
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
}

}  // namespace

std::string to_string(Work work) {
  constexpr std::array names{"EpollWait", "Nanosleep", "Poll",    "Futex", "Sigtimedwait",
                             "Spin",      "Threads",   "Crashed", "Vfork"};
  return names.at(static_cast<std::size_t>(work));
}

std::ostream& operator<<(std::ostream& out, Condition condition) {
  constexpr std::array names{"original", "executed", "corrupted", "ended", "stuck"};
  return out << names.at(static_cast<std::size_t>(condition));
}

StubInit::StubInit(Work work) {
  std::array<int, 2> ends{};
  sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
  released_.reset(ends[0]);
  release_.reset(ends[1]);
  clone([&] { live(work); });
  released_.reset();
  const bool ready = eventually([&] {
    if (work != Work::crashed && work != Work::vfork) return shared_->beat > 2;
    const auto status = read_process_status(pid_);
    const char wanted = work == Work::crashed ? 'S' : 'D';
    return status && status->state == wanted && system_call().find(' ') != std::string::npos &&
           (work == Work::vfork || system_call().starts_with(std::to_string(SYS_pause) + " "));
  });
  if (!ready) throw std::runtime_error("the stub did not start to work");
}

StubInit::StubInit(const std::vector<std::string>& command) {
  clone([&] {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(1);
  });
  const std::string before = exe_;
  const std::string link = "/proc/" + std::to_string(pid_) + "/exe";
  if (!eventually([&] { return std::filesystem::read_symlink(link) != before; }))
    throw std::runtime_error("the stub did not execute");
  exe_ = std::filesystem::read_symlink(link);
}

StubInit::~StubInit() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, __WALL);
  }
  ::munmap(shared_, sizeof(Shared));
}

void StubInit::clone(const std::function<void()>& main) {
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) sys::fail(errno, {"mmap"});
  shared_ = new (memory) Shared;
  exe_ = std::filesystem::read_symlink("/proc/self/exe");
  clone_args arguments{};
  arguments.flags = CLONE_NEWPID;
  arguments.exit_signal = SIGCHLD;
  pid_ =
      static_cast<pid_t>(sys::check(::syscall(SYS_clone3, &arguments, sizeof arguments), "clone3"));
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  main();
  ::_exit(1);
}

void StubInit::live(Work work) const {
  shared_of_stub = shared_;
  canary::include_avx();
  struct sigaction counting {};
  counting.sa_handler = count_signal;
  counting.sa_flags = SA_RESTART;
  ::sigaction(SIGRTMIN, &counting, nullptr);
  sigset_t blocked;
  if (work == Work::crashed) {
    sigfillset(&blocked);
  } else {
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    sigaddset(&blocked, SIGWINCH);
  }
  ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
  if (work == Work::threads) start_threads();
  ::close(release_.get());  // so that the test's is the last
  if (work == Work::vfork) wait_in_vfork(released_.get());
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  for (;;) {
    if (!work_once(work, epoll)) shared_->corrupted = 1;
    __atomic_fetch_add(&shared_->beat, 1, __ATOMIC_SEQ_CST);
    futex(&shared_->beat, FUTEX_WAKE, 1, nullptr);
  }
}

Condition StubInit::condition() const {
  const std::uint32_t first = __atomic_load_n(&shared_->beat, __ATOMIC_SEQ_CST);
  const std::string link = "/proc/" + std::to_string(pid_) + "/exe";
  const timespec moment{0, 20'000'000};
  const auto last = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < last) {
    const auto status = read_process_status(pid_);
    if (!status || status->state == 'Z') return Condition::ended;
    std::error_code gone;
    if (std::filesystem::read_symlink(link, gone) != exe_ && !gone) return Condition::executed;
    if (shared_->corrupted != 0) return Condition::corrupted;
    const std::uint32_t now = __atomic_load_n(&shared_->beat, __ATOMIC_SEQ_CST);
    if (now - first >= 3) return Condition::original;
    futex(&shared_->beat, FUTEX_WAIT, now, &moment);
  }
  return Condition::stuck;
}

std::string StubInit::system_call() const {
  return sys::read_file_or_empty("/proc/" + std::to_string(pid_) + "/syscall");
}

std::uint64_t StubInit::blocked_signals() const {
  return status_of(pid_).blocked;
}

ProcessStatus status_of(pid_t pid) {
  auto status = read_process_status(pid);
  if (!status) throw std::runtime_error("process " + std::to_string(pid) + " has no status");
  return *status;
}

}  // namespace dboot::testing
