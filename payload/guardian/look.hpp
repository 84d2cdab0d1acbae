#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "payload/devices/device_nodes.hpp"
#include "payload/guardian/old_disks.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::guardian {

/// A child that looks at disks, each of which may take its time: first at what is on them, then,
/// when what was written has been flushed, once more.
class Look {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Look(const DeviceNodes& devices) noexcept : devices_(devices) {}

  /// One at a time: false while the child of the last one has not ended, or where none can be made.
  bool begin(const std::vector<std::string>& names, Clock::duration patience) noexcept;
  bool is_under_way() const noexcept { return !!answer_; }
  /// To be polled for; -1: nothing.
  int descriptor() const noexcept { return answer_.get(); }

  struct Result {
    std::vector<Mark> marks;   ///< the latest of each device that has answered so far
    bool is_complete = false;  ///< all have, after the flush
    bool is_over = false;      ///< nothing more will come
  };
  /// What has come. Empty where nothing is under way.
  std::optional<Result> take() noexcept;

  /// Nobody is interested any more.
  void stop() noexcept;

 private:
  bool has_child() const noexcept;

  const DeviceNodes& devices_;
  pid_t pid_ = 0;
  UniqueFd answer_;
  std::string text_;
  Clock::time_point end_;
};

}  // namespace dboot::guardian
