#include "injector/rehearsal.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "injector/failure.hpp"
#include "injector/interruption.hpp"
#include "injector/stub_init.hpp"
#include "injector/terminal.hpp"
#include "shared/syscalls.hpp"

namespace dboot {
namespace {

constexpr std::uint64_t own_namespaces =
    CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;

/// Copies what can be read from one descriptor to another. False at the end of input.
bool pass_on(int from, int to) {
  std::array<char, 4096> buffer;
  const ssize_t count = ::read(from, buffer.data(), buffer.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (count <= 0) return false;
  sys::write_all(to, {buffer.data(), static_cast<std::size_t>(count)});
  return true;
}

}  // namespace

Rehearsal::Rehearsal() {
  stub_init::Channel channel;
  clone_args arguments{};
  arguments.flags = own_namespaces;
  arguments.exit_signal = SIGCHLD;
  pid_ = static_cast<pid_t>(
      sys::check(::syscall(SYS_clone3, &arguments, sizeof arguments), "clone3 for the rehearsal"));
  if (pid_ == 0) stub_init::run(channel);
  try {
    console_ = channel.receive_console();
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
  if (status_) return;
  ::kill(pid_, SIGKILL);
  reap();
}

int Rehearsal::reap() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return *status_;
}

int Rehearsal::attend() {
  const terminal::RawMode raw(STDIN_FILENO);
  bool input = true;
  for (;;) {
    interruption::check();
    terminal::copy_size(STDIN_FILENO, console_.get());
    std::array<pollfd, 3> polled{pollfd{console_.get(), POLLIN, 0},
                                 pollfd{input ? STDIN_FILENO : -1, POLLIN, 0},
                                 pollfd{target_->pidfd(), POLLIN, 0}};
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      sys::fail(errno, {"poll the console"});
    }
    if (polled[0].revents != 0) {
      pass_on(console_.get(), STDOUT_FILENO);
      continue;  // everything that PID 1 has said comes before its end
    }
    if (polled[1].revents != 0 && !pass_on(STDIN_FILENO, console_.get())) {
      terminal::send_end_of_file(console_.get());
      input = false;
    }
    if (polled[2].revents != 0) return reap();
  }
}

}  // namespace dboot
