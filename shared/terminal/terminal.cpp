#include "shared/terminal/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

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

unsigned columns_of(int fd) noexcept {
  constexpr unsigned usual = 80;
  winsize size{};
  if (::isatty(fd) != 1) return 0;
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : usual;
}

bool wants_colours(int fd) noexcept {
  const auto value_of = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string_view(value == nullptr ? "" : value);
  };
  return ::isatty(fd) == 1 && value_of("NO_COLOR").empty() && value_of("TERM") != "dumb";
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
