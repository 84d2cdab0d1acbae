#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Whether another round may follow.
enum class Round : std::uint8_t { usual, last };

/// One kind of kernel resource that the old system holds its disks with.
class Releaser {
 public:
  Releaser() = default;
  virtual ~Releaser() = default;
  Releaser(const Releaser&) = delete;
  Releaser& operator=(const Releaser&) = delete;

  /// What it releases, as the log calls it.
  virtual std::string_view name() const noexcept = 0;
  /// Lets go of what can go at present; how many went by themselves. What stays may go in a later
  /// round, when others have let go of theirs. In the last one it is named and, where that is
  /// possible, detached from the name by which it can be reached.
  virtual Task<std::size_t> release(Round round) = 0;
};

using Releasers = std::span<Releaser* const>;

/// Round after round over all, in their order, until a whole round achieves nothing. They hold one
/// another: a file that a loop device shows holds its filesystem, what is mounted from the device
/// holds the device, and swap can be given up only when there is memory.
Task<> release_in_rounds(Log& log, Releasers releasers);

}  // namespace dboot
