#pragma once

#include <string>

#include "shared/system/unique_fd.hpp"

namespace dboot {

/// Follows the payload.log of a staged /run/dboot, from before the file is there (inotify(7)): the
/// payload writes its record as on a machine, and whoever rehearses reads it meanwhile.
class PayloadLog {
 public:
  /// `directory`: what becomes /run/dboot. In the caller's own mount namespace. Throws
  /// std::system_error.
  explicit PayloadLog(int directory);

  /// Readable when there may be more.
  int changes() const noexcept { return inotify_.get(); }
  /// What has been written since the last call, up to 64 KiB of it.
  std::string take();
  /// The file was there at the last call, empty or not: the payload runs.
  bool is_there() const noexcept { return static_cast<bool>(file_); }
  /// The last call has not taken all.
  bool has_more() const noexcept { return more_; }

 private:
  UniqueFd directory_;
  UniqueFd inotify_;
  UniqueFd file_;
  bool more_ = false;
};

}  // namespace dboot
