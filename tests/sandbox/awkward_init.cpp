// What PID 1 of a sandbox can be made to be, for takeovers that must fail:
//   awkward-init vfork FIFO   waits in vfork until somebody opens FIFO for writing
//   awkward-init no-execve    may not execute anything (seccomp: EACCES)
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>

namespace {

void wait_in_vfork(const char* fifo) {
  const pid_t child = ::vfork();  // NOLINT(*.vfork): being stuck in it is the point
  // NOLINTNEXTLINE(*.Vfork): a system call leaves the parent's memory alone
  if (child == 0) ::_exit(::open(fifo, O_RDONLY | O_CLOEXEC) < 0 ? 1 : 0);
  ::waitpid(child, nullptr, 0);
}

bool forbid_execve() {
  std::array<sock_filter, 4> filter{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{filter.size(), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace std::string_view_literals;
  if (argc == 3 && argv[1] == "vfork"sv) {
    wait_in_vfork(argv[2]);
  } else if (argc != 2 || argv[1] != "no-execve"sv || !forbid_execve()) {
    return 2;
  }
  for (;;) ::pause();
}
