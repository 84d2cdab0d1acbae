#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "shared/log/log.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// What a program writes into a pipe becomes lines of the log, as it comes: of a line 4 KiB at
/// most, and 1 MiB of the log at most, which lies in memory.
class Output {
 public:
  /// `pipe`: the end for reading. Throws std::system_error.
  Output(const boost::asio::any_io_executor& executor, Log& log, UniqueFd pipe);
  /// Reads no more.
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// What has been written until now, its last line included.
  void finish();

 private:
  struct State;
  static void listen(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

}  // namespace dboot
