// A PID 1 that does on request what no init does, so that what follows it can be tried:
//   echo NUMBER >/run/fail; kill -USR1 1    lets the system call of that number fail from then on,
//                                           in itself and in what it becomes
//   echo FILE >/run/open; kill -USR2 1      opens a file and keeps it open
//   echo NUMBER >/run/drop; kill -HUP 1     gives up the capability of that number for good
//   kill -WINCH 1                           sets no_new_privs
//   kill -URG 1                             sets a securebit, and locks it
// The shell on ttyS1, which is started before, can still make the call.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>

namespace {

pid_t start(const std::string& script) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::setsid();
  ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
  ::_exit(127);
}

std::string line_in(const char* path) {
  const int file = ::open(path, O_RDONLY);
  std::array<char, 64> text{};
  const auto size = ::read(file, text.data(), text.size());
  ::close(file);
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size) - 1) : "";
}

void fail(unsigned call) {
  // Numbers are those of x86-64, whose machines these tests run on.
  std::array<sock_filter, 4> filter{
      sock_filter(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))),
      sock_filter(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1)),
      sock_filter(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO)),
      sock_filter(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW))};
  const sock_fprog program{filter.size(), filter.data()};
  ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

}  // namespace

int main() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGUSR1, SIGUSR2, SIGHUP, SIGWINCH, SIGURG, SIGCHLD})
    ::sigaddset(&signals, signal);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  ::waitpid(start("mkdir -p /dev/pts /run /tmp; mount -t devpts devpts /dev/pts;"
                  "mount -t tmpfs -o mode=755 run /run"),
            nullptr, 0);
  start("exec /bin/shell </dev/ttyS1 >/dev/ttyS1 2>&1");
  for (;;) {
    const int signal = ::sigwaitinfo(&signals, nullptr);
    if (signal == SIGUSR1) fail(static_cast<unsigned>(std::stoul(line_in("/run/fail"))));
    if (signal == SIGUSR2) ::open(line_in("/run/open").c_str(), O_RDWR);
    if (signal == SIGHUP) ::prctl(PR_CAPBSET_DROP, std::stoul(line_in("/run/drop")), 0, 0, 0);
    if (signal == SIGWINCH) ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (signal == SIGURG)
      ::prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
}
