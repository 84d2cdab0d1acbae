#include "injector/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace dboot::terminal {

RawMode::RawMode(int fd) noexcept : fd_(fd) {
  termios mode{};
  if (::tcgetattr(fd, &mode) != 0) return;
  before_ = mode;
  ::cfmakeraw(&mode);
  ::tcsetattr(fd, TCSADRAIN, &mode);
}

RawMode::~RawMode() {
  if (before_) ::tcsetattr(fd_, TCSADRAIN, &*before_);
}

void occupy_standard_streams() noexcept {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest free descriptor is this one.
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", O_RDWR);
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

SizeChanges::SizeChanges() noexcept {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ::sigaction(SIGWINCH, &action, &before_);
}

SizeChanges::~SizeChanges() {
  ::sigaction(SIGWINCH, &before_, nullptr);
}

}  // namespace dboot::terminal
