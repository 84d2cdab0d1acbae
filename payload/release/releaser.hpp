#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// One kind of kernel resource that the old system holds its disks with.
class Releaser {
 public:
  Releaser() = default;
  virtual ~Releaser() = default;
  Releaser(const Releaser&) = delete;
  Releaser& operator=(const Releaser&) = delete;

  /// What it releases, as the log calls it.
  virtual std::string_view name() const noexcept = 0;
  /// One round: lets go of what can go at present. How many went; what stays may go in a later
  /// round, when others have let go of theirs.
  virtual Task<std::size_t> release() = 0;
  /// The end of all rounds: what is left is named and, where that is possible, detached.
  virtual Task<> give_up() = 0;
};

using Releasers = std::span<Releaser* const>;

/// Round after round over all, in their order, until a whole round achieves nothing. They hold one
/// another: a file that a loop device shows holds its filesystem, what is mounted from the device
/// holds the device, and swap can be given up only when there is memory.
Task<> release_in_rounds(Log& log, Releasers releasers);

}  // namespace dboot
