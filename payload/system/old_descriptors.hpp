#pragma once

#include <sys/types.h>

#include <cstddef>

#include "shared/system/unique_fd.hpp"

namespace dboot {

/// The files, sockets and terminals that the old PID 1 had open. close(2) may wait: each one for
/// what a network filesystem or FUSE has not written back (flush), the last one of a file for a
/// peer that lingers or a line that takes nothing (release). So a child closes each of them before
/// this process does, and another one, the holder, has all of them until after that.
class OldDescriptors {
 public:
  OldDescriptors() noexcept = default;
  /// Closes all but 0 to 2. One whose flush takes more than a second stays open: see left_open().
  static OldDescriptors close_all() noexcept;
  /// Nobody has them any more; to be called when 0 to 2 are others. Waits for a second at most.
  void let_go() noexcept;
  std::size_t left_open() const noexcept { return left_open_; }

 private:
  UniqueFd leash_;  ///< when this is closed, the holder ends
  pid_t holder_ = 0;
  std::size_t left_open_ = 0;
};

}  // namespace dboot
