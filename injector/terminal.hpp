#pragma once

#include <termios.h>

#include <optional>

/// Terminals, as far as the injector uses them.
namespace dboot::terminal {

/// A terminal that passes every key on, for as long as the object lives; does nothing when `fd` is
/// none.
class RawMode {
 public:
  explicit RawMode(int fd) noexcept;
  ~RawMode();
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;

 private:
  int fd_;
  std::optional<termios> before_;
};

/// Opens /dev/null where stdin, stdout or stderr is closed, so that no file of ours takes its
/// place.
void occupy_standard_streams() noexcept;

/// Gives `to` the rows and columns of `from`, where that is a terminal.
void copy_size(int from, int to) noexcept;

/// Types the end-of-file character (Ctrl-D) on the master of a pseudo terminal.
void send_end_of_file(int master) noexcept;

}  // namespace dboot::terminal
