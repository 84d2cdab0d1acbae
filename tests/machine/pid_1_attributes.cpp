// What PID 1 inherits across execve(2), a line each: "name value". As odd-attributes it gives
// itself what no fresh boot has, and becomes /opt/odd-init.
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

namespace {

constexpr int session_keyring = -3;
constexpr int mempolicy_bind = 2;
constexpr int io_class_idle = 3;
constexpr int io_class_shift = 13;

std::string link_of(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const auto size = ::readlink(path.c_str(), target.data(), target.size());
  return size < 0 ? "none" : std::string(target.data(), static_cast<std::size_t>(size));
}

void tell(const std::string& name, const std::string& value) {
  std::printf("%s %s\n", name.c_str(), value.c_str());
}

void tell(const std::string& name, long value) {
  tell(name, std::to_string(value));
}

void tell_first_line(const std::string& name, const char* file) {
  std::ifstream text(file);
  std::string line;
  if (std::getline(text, line)) tell(name, line);
}

void tell_status() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    for (const char* name : {"Umask",
                             "SigQ",
                             "SigPnd",
                             "ShdPnd",
                             "SigBlk",
                             "SigIgn",
                             "CapInh",
                             "CapPrm",
                             "CapEff",
                             "CapBnd",
                             "CapAmb",
                             "NoNewPrivs",
                             "Seccomp",
                             "Seccomp_filters",
                             "Speculation_Store_Bypass",
                             "Cpus_allowed",
                             "Mems_allowed",
                             "THP_enabled",
                             "Groups",
                             "Uid",
                             "Gid"}) {
      const std::string key = std::string(name) + ":\t";
      if (line.starts_with(key) && std::strcmp(name, "SigQ") != 0)
        tell(name, line.substr(key.size()));
    }
  }
  std::ifstream limits("/proc/self/limits");
  for (std::string line; std::getline(limits, line);) {
    if (line.starts_with("Max ")) tell("limit", line);
  }
}

void tell_all() {
  tell_status();
  tell("cwd", link_of("/proc/self/cwd"));
  tell("root", link_of("/proc/self/root"));
  for (int fd = 0; fd < 64; ++fd) {
    const auto target = link_of("/proc/self/fd/" + std::to_string(fd));
    if (target != "none" && !target.starts_with("/proc/"))
      tell("fd" + std::to_string(fd), target.starts_with("/dev/") ? "a device" : target);
  }
  tell("nice", ::getpriority(PRIO_PROCESS, 0));
  tell("scheduler", ::sched_getscheduler(0));
  tell("io_priority", ::syscall(SYS_ioprio_get, 1, 0));
  tell("timer_slack", ::prctl(PR_GET_TIMERSLACK));
  int mode = -1;
  ::syscall(SYS_get_mempolicy, &mode, nullptr, 0UL, nullptr, 0UL);
  tell("memory_policy", mode);
  for (const auto timer : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
    itimerval value{};
    ::getitimer(timer, &value);
    tell("timer", value.it_value.tv_sec + value.it_interval.tv_sec);
  }
  tell_first_line("oom_score_adj", "/proc/self/oom_score_adj");
  tell_first_line("coredump_filter", "/proc/self/coredump_filter");
  tell_first_line("autogroup", "/proc/self/autogroup");
  tell_first_line("cgroup", "/proc/self/cgroup");
  tell("personality", ::personality(0xffffffff));
  tell("securebits", ::prctl(PR_GET_SECUREBITS));
  int value = 0;
  ::prctl(PR_GET_CHILD_SUBREAPER, &value);
  tell("child_subreaper", value);
  ::prctl(PR_GET_PDEATHSIG, &value);
  tell("parent_death_signal", value);
  tell("thp_disable", ::prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
  tell("io_flusher", ::prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0));
  tell("mce_kill", ::prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
  tell("dumpable", ::prctl(PR_GET_DUMPABLE));
  tell("keep_caps", ::prctl(PR_GET_KEEPCAPS));
  std::array<char, 256> keyring{};
  const auto id = ::syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, session_keyring, 0);
  if (id > 0) ::syscall(SYS_keyctl, 6 /* KEYCTL_DESCRIBE */, id, keyring.data(), keyring.size());
  tell("session_keyring", keyring.data());
  tell("session", ::getsid(0));
  tell("process_group", ::getpgrp());
}

void become_odd() {
  ::setsid();
  ::umask(077);
  ::setpriority(PRIO_PROCESS, 0, 5);
  sched_param priority{};
  ::sched_setscheduler(0, SCHED_BATCH, &priority);
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  ::sched_setaffinity(0, sizeof first, &first);
  ::syscall(SYS_ioprio_set, 1, 0, io_class_idle << io_class_shift);
  unsigned long nodes = 1;
  ::syscall(SYS_set_mempolicy, mempolicy_bind, &nodes, 8 * sizeof nodes);
  ::prctl(PR_SET_TIMERSLACK, 1'000'000);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  ::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
  ::prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
  ::personality(ADDR_NO_RANDOMIZE);
  constexpr int no_setuid_fixup = 4;
  ::prctl(PR_SET_SECUREBITS, no_setuid_fixup);
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  ::syscall(SYS_capget, &header, sets.data());
  sets[0].inheritable = 1U << CAP_NET_RAW;
  ::syscall(SYS_capset, &header, sets.data());
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
  ::syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, "of-the-old-system");
  std::ofstream("/proc/self/coredump_filter") << "0x7f";
  std::ofstream("/proc/self/oom_score_adj") << "-500";
  std::ofstream("/proc/self/autogroup") << "10";
  const rlimit files{100, 200};
  ::setrlimit(RLIMIT_NOFILE, &files);
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGRTMIN + 5);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGUSR1, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
}

}  // namespace

int main(int, char** argv) {
  if (std::string(argv[0]).ends_with("odd-attributes")) {
    become_odd();
    ::execl("/opt/odd-init", "odd-init", nullptr);
    return 1;
  }
  const bool is_first = ::access("/proc/self", F_OK) != 0;
  if (is_first) {
    // Booted by the kernel, which mounts nothing.
    ::mkdir("/proc", 0755);
    if (::syscall(SYS_mount, "proc", "/proc", "proc", 0, nullptr) != 0) return 1;
  }
  std::puts("attributes begin");
  tell_all();
  std::puts("attributes end");
  std::fflush(stdout);
  ::tcdrain(1);
  for (;;) ::pause();
}
