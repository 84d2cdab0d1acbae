#pragma once

#include <sys/types.h>

#include "shared/system/unique_fd.hpp"

namespace dboot {

/// The files, sockets and terminals that the old PID 1 had open. close(2) may wait: each one for
/// what a network filesystem or FUSE has not written back (flush), the last one of a file for a
/// peer that lingers or a line that takes nothing (release). So children do both: one closes them
/// first, and another one has them until they are closed here.
class OldDescriptors {
 public:
  OldDescriptors() noexcept = default;
  /// Closes all but 0 to 2. One whose flush takes more than a second stays open.
  static OldDescriptors close_all() noexcept;
  /// Nobody has them any more; to be called when 0 to 2 are others. Waits for a second at most.
  void let_go() noexcept;

 private:
  UniqueFd leash_;  ///< at its end the child ends that has them
  pid_t holder_ = 0;
};

}  // namespace dboot
