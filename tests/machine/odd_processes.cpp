// Processes that are not easy to end, one kind by each call; the program returns when all of that
// kind stand as they are to be found.
//   odd-processes sigwait|signalfd|thread|handler|traced|members
//       take SIGTERM each in its own way, need a second for their shutdown, and then tell the
//       kernel's log "saved by KIND"
//   odd-processes zombies NUMBER   children that have ended, which nobody collects
//   odd-processes orphans NUMBER   processes that end when their parent has; waits for all of them
//   odd-processes locked NUMBER FILE   whose command line nobody can read
//   odd-processes storm            from the first SIGTERM on makes copies of itself without a rest
//   odd-processes chain            is another process all the time: forks and ends; each has a
//       session of its own
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace {

/// Shared with the process that waits until all stand.
volatile int* ready = nullptr;

void stand() {
  __atomic_add_fetch(ready, 1, __ATOMIC_SEQ_CST);
}

void wait_until_ready(int count) {
  while (__atomic_load_n(ready, __ATOMIC_SEQ_CST) < count) ::sched_yield();
}

[[noreturn]] void shut_down(const std::string& kind) {
  ::sleep(1);
  const auto line = "<2>saved by " + kind + "\n";
  const int log = ::open("/dev/kmsg", O_WRONLY);
  [[maybe_unused]] const auto ignored = ::write(log, line.data(), line.size());
  ::_exit(0);
}

sigset_t termination() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  return set;
}

void block_termination() {
  const auto set = termination();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

[[noreturn]] void rest() {
  for (;;) ::pause();
}

[[noreturn]] void use_sigwait() {
  block_termination();
  stand();
  const auto set = termination();
  int signal = 0;
  ::sigwait(&set, &signal);
  shut_down("sigwait");
}

[[noreturn]] void use_signalfd() {
  block_termination();
  const auto set = termination();
  const int fd = ::signalfd(-1, &set, 0);
  stand();
  signalfd_siginfo info{};
  [[maybe_unused]] const auto ignored = ::read(fd, &info, sizeof info);
  shut_down("signalfd");
}

void* take_signal(void*) {
  const auto set = termination();
  int signal = 0;
  ::sigwait(&set, &signal);
  shut_down("thread");
}

[[noreturn]] void use_a_thread() {
  block_termination();
  pthread_t thread{};
  ::pthread_create(&thread, nullptr, take_signal, nullptr);
  stand();
  rest();
}

const char* handled_as = "handler";
void on_termination(int) {
  shut_down(handled_as);
}

[[noreturn]] void use_a_handler() {
  ::signal(SIGTERM, on_termination);
  stand();
  rest();
}

/// The tracer dies of SIGTERM; until then the other one stands still.
[[noreturn]] void trace_one() {
  const pid_t traced = ::fork();
  if (traced == 0) {
    handled_as = "traced";
    ::signal(SIGTERM, on_termination);
    stand();
    rest();
  }
  wait_until_ready(1);
  ::ptrace(PTRACE_SEIZE, traced, 0, 0);
  ::ptrace(PTRACE_INTERRUPT, traced, 0, 0);
  ::waitpid(traced, nullptr, __WALL);
  stand();
  rest();
}

/// The init of a nested PID namespace takes no SIGTERM.
[[noreturn]] void have_members() {
  ::unshare(CLONE_NEWPID);
  const pid_t init = ::fork();
  if (init != 0) {
    ::waitpid(init, nullptr, 0);
    ::_exit(0);
  }
  if (::fork() == 0) {
    handled_as = "members";
    ::signal(SIGTERM, on_termination);
    stand();
    rest();
  }
  rest();
}

[[noreturn]] void leave_zombies(int count) {
  for (int made = 0; made < count; ++made) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    siginfo_t info{};
    if (child > 0) ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  }
  stand();
  rest();
}

volatile sig_atomic_t is_asked = 0;
void note_termination(int) {
  is_asked = 1;
}

/// A thousand at a time, whose parent ends before them.
[[noreturn]] void leave_orphans(int count) {
  constexpr int at_a_time = 1000;
  for (int made = 0; made < count; made += at_a_time) {
    const pid_t parent = ::fork();
    if (parent == 0) {
      int ends[2];  // NOLINT(*-c-arrays): pipe(2)
      if (::pipe(ends) != 0) ::_exit(1);
      for (int child = 0; child < at_a_time; ++child) {
        if (::fork() != 0) continue;
        ::close(ends[1]);
        char byte = 0;
        [[maybe_unused]] const auto nothing = ::read(ends[0], &byte, 1);
        ::_exit(0);
      }
      ::_exit(0);
    }
    ::waitpid(parent, nullptr, 0);
  }
  stand();
  ::_exit(0);
}

/// From the first SIGTERM on.
[[noreturn]] void storm() {
  ::signal(SIGTERM, note_termination);
  for (int made = 1; made < 8 && ::fork() != 0; ++made) {
  }
  stand();
  while (is_asked == 0) ::pause();
  for (;;) {
    if (::fork() < 0) ::usleep(1'000);
  }
}

[[noreturn]] void be_another_all_the_time() {
  ::signal(SIGTERM, SIG_IGN);
  stand();
  for (;;) {
    const pid_t next = ::fork();
    if (next > 0) ::_exit(0);
    ::setsid();
  }
}

/// Each waits for a server, with its mappings locked (fs/fuse/file.c: fuse_vma_close): whoever asks
/// for its command line waits, too.
[[noreturn]] void be_locked(int number, const char* file) {
  constexpr std::size_t page = 4096;
  const int fd = ::open(file, O_RDWR);
  auto* const mapping =
      static_cast<volatile char*>(::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  if (mapping == MAP_FAILED) ::_exit(2);
  *mapping = 1;
  for (int made = 1; made < number && ::fork() != 0; ++made) {
  }
  stand();
  ::mmap(const_cast<char*>(mapping), page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
         0);
  rest();
}

[[noreturn]] void become(const std::string& kind, int number, const char* file) {
  if (kind == "sigwait") use_sigwait();
  if (kind == "signalfd") use_signalfd();
  if (kind == "thread") use_a_thread();
  if (kind == "handler") use_a_handler();
  if (kind == "traced") trace_one();
  if (kind == "members") have_members();
  if (kind == "zombies") leave_zombies(number);
  if (kind == "orphans") leave_orphans(number);
  if (kind == "locked") be_locked(number, file);
  if (kind == "storm") storm();
  if (kind == "chain") be_another_all_the_time();
  ::_exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::string kind = argv[1];
  const int number = argc > 2 ? std::atoi(argv[2]) : 0;
  ready = static_cast<volatile int*>(
      ::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (::fork() == 0) {
    ::setsid();
    for (const int fd : {0, 1, 2}) {
      ::close(fd);
      ::open("/dev/null", O_RDWR);
    }
    become(kind, number, argc > 3 ? argv[3] : "");
  }
  wait_until_ready(kind == "traced" ? 2 : kind == "locked" ? number : 1);
}
