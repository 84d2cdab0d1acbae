#include "injector/terminal.hpp"

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

void copy_size(int from, int to) noexcept {
  winsize size{};
  if (::ioctl(from, TIOCGWINSZ, &size) == 0) ::ioctl(to, TIOCSWINSZ, &size);
}

void send_end_of_file(int master) noexcept {
  termios mode{};
  if (::tcgetattr(master, &mode) != 0) return;
  const char end = static_cast<char>(mode.c_cc[VEOF]);
  [[maybe_unused]] const ssize_t count = ::write(master, &end, 1);
}

}  // namespace dboot::terminal
