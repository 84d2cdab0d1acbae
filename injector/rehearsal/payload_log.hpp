#pragma once

#include <optional>
#include <string>

#include "shared/log/record.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// Follows the payload.log of a staged /run/dboot (inotify(7)): the payload writes its record as on
/// a machine, and whoever rehearses reads it meanwhile. What the injector has put there has been
/// reported already.
class PayloadLog {
 public:
  /// `directory`: what becomes /run/dboot. In the caller's own mount namespace. `level`: of the
  /// lines that are shown. Throws std::system_error.
  PayloadLog(int directory, log::Level level);

  /// Readable when there may be more.
  int changes() const noexcept { return inotify_.get(); }
  /// Of the next 64 KiB at most, the lines that are to be shown.
  std::string take();
  /// A line that has no end yet.
  std::string take_rest();
  /// The payload runs: it has written something.
  bool is_there() const noexcept { return is_there_; }
  /// The last line that it has written, and what its system ends by ("reboot"), if it has said so.
  const std::optional<log::Record>& last() const noexcept { return last_; }
  const std::string& end_of_system() const noexcept { return end_of_system_; }
  /// The payload came to the command of the new system, and looked after it.
  bool had_command() const noexcept { return had_command_; }
  /// The last call has not taken all.
  bool has_more() const noexcept { return more_; }

 private:
  std::string read();

  UniqueFd directory_;
  UniqueFd inotify_;
  UniqueFd file_;
  log::Level level_;
  std::string unfinished_;
  std::optional<log::Record> last_;
  std::string end_of_system_;
  bool had_command_ = false;
  bool more_ = false;
  bool is_there_ = false;
};

}  // namespace dboot
