#pragma once

#include <string>
#include <string_view>

#include "tests/machine/driver/child.hpp"
#include "tests/machine/driver/serial.hpp"

namespace dboot::machine {

/// A POSIX shell at the end of a serial line, which is given commands and answers with their output
/// and status. The kernel's console should be another line: its messages would come in between.
class Shell {
 public:
  explicit Shell(Serial& serial) : serial_(serial) {}

  /// To be called when there is a shell that reads: makes it silent, so that what comes back is
  /// output and nothing else.
  void take_over();

  /// Runs a line of shell. Throws TimedOut.
  Output run(std::string_view command, std::chrono::seconds timeout = 60s);
  /// Its output without the newline at its end. Throws std::runtime_error when its status is not 0.
  std::string output_of(std::string_view command, std::chrono::seconds timeout = 60s);
  /// Types a line and does not wait for its end.
  void start(std::string_view command) { serial_.send_line(command); }

  Serial& serial() { return serial_; }

 private:
  Serial& serial_;
  int commands_ = 0;
};

}  // namespace dboot::machine
