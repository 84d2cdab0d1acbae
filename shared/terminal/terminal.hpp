#pragma once

#include <signal.h>
#include <termios.h>

#include <optional>
#include <string>

/// Terminals, as far as who passes bytes between them uses them.
namespace dboot::terminal {

/// A terminal that passes every key on, for as long as the object lives; does nothing when `fd` is
/// none.
class RawMode {
 public:
  explicit RawMode(int fd) noexcept;
  ~RawMode();
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;

  bool is_on() const noexcept { return before_.has_value(); }

 private:
  int fd_;
  std::optional<termios> before_;
};

/// Opens /dev/null where stdin, stdout or stderr is closed, so that no file of ours takes its
/// place.
void occupy_standard_streams() noexcept;

/// Gives `to` the rows and columns of `from`, where that is a terminal.
void copy_size(int from, int to) noexcept;

/// How many letters a line of the terminal has, 80 where it does not say; 0 when `fd` is none.
unsigned columns_of(int fd) noexcept;

/// Whether `fd` is a terminal that people want colours on: not where NO_COLOR is set to something
/// (https://no-color.org), and not on one that is dumb.
bool wants_colours(int fd) noexcept;

/// What ends the input when it is typed on the master of a pseudo terminal (Ctrl-D).
std::string end_of_file(int master);

/// Notices that a window changes its size (SIGWINCH). While it lives the signal comes in ppoll(2)
/// with open() and nowhere else.
class SizeChanges {
 public:
  SizeChanges() noexcept;
  ~SizeChanges();
  SizeChanges(const SizeChanges&) = delete;
  SizeChanges& operator=(const SizeChanges&) = delete;

  /// `mask` without the signal.
  static sigset_t open(sigset_t mask) noexcept;
  /// True once after each change, and at first.
  static bool take() noexcept;

 private:
  struct sigaction before_ {};
  sigset_t mask_before_{};
};

}  // namespace dboot::terminal
