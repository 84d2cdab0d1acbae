#include "shared/terminal/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace dboot::terminal {

RawMode::RawMode(int fd) noexcept : fd_(fd) {
  termios mode{};
  if (::tcgetattr(fd, &mode) != 0) return;
  before_ = mode;
  ::cfmakeraw(&mode);
  // Not when all was shown: a terminal may be stopped.
  ::tcsetattr(fd, TCSANOW, &mode);
}

RawMode::~RawMode() {
  if (before_) ::tcsetattr(fd_, TCSANOW, &*before_);
}

void occupy_standard_streams() noexcept {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest free descriptor is this one. Who writes to what was closed shall hear of it.
    const int mode = fd == STDOUT_FILENO ? O_RDONLY : O_RDWR;
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", mode);
  }
}

void copy_size(int from, int to) noexcept {
  winsize size{};
  if (::ioctl(from, TIOCGWINSZ, &size) == 0) ::ioctl(to, TIOCSWINSZ, &size);
}

std::string end_of_file(int master) {
  termios mode{};
  if (::tcgetattr(master, &mode) != 0) return {};
  return {static_cast<char>(mode.c_cc[VEOF])};
}

namespace {

volatile sig_atomic_t size_has_changed = 0;

}  // namespace

SizeChanges::SizeChanges() noexcept {
  size_has_changed = 1;
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGWINCH);
  ::sigprocmask(SIG_BLOCK, &blocked, &mask_before_);
  struct sigaction action {};
  action.sa_handler = [](int) { size_has_changed = 1; };
  ::sigaction(SIGWINCH, &action, &before_);
}

SizeChanges::~SizeChanges() {
  ::sigaction(SIGWINCH, &before_, nullptr);
  ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

sigset_t SizeChanges::open(sigset_t mask) noexcept {
  ::sigdelset(&mask, SIGWINCH);
  return mask;
}

bool SizeChanges::take() noexcept {
  const bool changed = size_has_changed != 0;
  size_has_changed = 0;
  return changed;
}

}  // namespace dboot::terminal
