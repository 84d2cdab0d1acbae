#include "injector/rehearsal/rehearsal.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "injector/failure.hpp"
#include "injector/rehearsal/stub_init.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

constexpr std::uint64_t own_namespaces =
    CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;

}  // namespace

Rehearsal::Rehearsal(Stdio stdio, Contained contained) {
  stub_init::Channel channel;
  stub_init::Pipes theirs;
  if (stdio == Stdio::pipes) {
    sys::Pipe input = sys::make_pipe();
    sys::Pipe output = sys::make_pipe();
    sys::Pipe error = sys::make_pipe();
    input_ = std::move(input.write);
    output_ = std::move(output.read);
    error_ = std::move(error.read);
    theirs = {std::move(input.read), std::move(output.write), std::move(error.write)};
  }
  // Before there is anything of the rehearsal, whose devices would have numbers of the same kind.
  const auto mounts_of_host = read_mount_table();
  clone_args arguments{};
  arguments.flags = own_namespaces;
  arguments.exit_signal = SIGCHLD;
  pid_ = static_cast<pid_t>(
      sys::check(::syscall(SYS_clone3, &arguments, sizeof arguments), "clone3 for the rehearsal"));
  if (pid_ == 0) stub_init::run(channel, theirs, contained == Contained::yes);
  try {
    auto parts = channel.receive(contained == Contained::yes);
    console_ = std::move(parts.console);
    if (parts.calls) guard_.emplace(std::move(parts.calls), mounts_of_host);
    // Holds the console open while PID 1 changes hands: without any slave the master reports EIO.
    slave_.reset(sys::check(::ioctl(console_.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC),
                            "open the console of the rehearsal"));
    target_ = std::make_unique<const Target>(Target::init_of_namespace(pid_));
  } catch (...) {
    ::kill(pid_, SIGKILL);
    reap();
    throw;
  }
}

Rehearsal::~Rehearsal() {
  if (has_ended_) return;
  ::kill(pid_, SIGKILL);
  reap();
}

int Rehearsal::reap() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  has_ended_ = true;
  return status;
}

void Rehearsal::give_stdio_to(uid_t user) const {
  constexpr auto unchanged = static_cast<gid_t>(-1);
  for (const UniqueFd* fd : {&slave_, &input_, &output_, &error_}) {
    if (*fd) sys::check(::fchown(fd->get(), user, unchanged), "chown the rehearsal's stdio");
  }
}

int Rehearsal::attend(OwnStdio& own, const Attendance& attendance) {
  Attendance guarded = attendance;
  if (guard_) guarded.guard = &*guard_;
  const Attended attended =
      dboot::attend(own, {console_.get(), std::move(input_), std::move(output_), std::move(error_)},
                    target_->pidfd(), guarded);
  const int end = reap();
  if (attended.signal != 0) return exit_status::signalled + attended.signal;
  if (attended.lost_output != 0)
    sys::fail(attended.lost_output, {"write what the rehearsal has put out"});
  if (!attended.is_ended) end_of_pid_1_ = end;
  if (!WIFSIGNALED(end)) return WEXITSTATUS(end);
  // By reboot(2), and by nothing else, the init of a namespace ends with these.
  const bool has_rebooted = WTERMSIG(end) == SIGHUP || WTERMSIG(end) == SIGINT;
  return has_rebooted && !attended.is_ended ? 0 : exit_status::signalled + WTERMSIG(end);
}

}  // namespace dboot
