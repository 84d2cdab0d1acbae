#pragma once

#include <memory>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/children/resource_limits.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"
#include "shared/plan/plan.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// The programs of the plan that live on beside the command, each in a root directory of its own
/// below layout::directory. As long as this process is PID 1, one that ends is started again.
class Companions {
 public:
  /// `directory`: layout::directory.
  Companions(Log& log, Children& children, const UniqueFd& directory) noexcept
      : log_(log), children_(children), directory_(directory) {}
  Companions(const Companions&) = delete;
  Companions& operator=(const Companions&) = delete;

  /// Starts those that have not been started yet, with `limits`. One that cannot be is an error in
  /// the log, and no more: the command is what the takeover is for.
  Task<> start(std::vector<Companion> wanted, ResourceLimits limits);

  /// From here on they and what they have started end as all others do, and none is started again.
  void let_end() noexcept;

 private:
  struct Kept;

  Task<> try_to_start(std::shared_ptr<Kept> kept);
  Task<> start_one(std::shared_ptr<Kept> kept);
  Task<> look_after(std::shared_ptr<Kept> kept);

  Log& log_;
  Children& children_;
  const UniqueFd& directory_;
  std::vector<std::shared_ptr<Kept>> kept_;
};

}  // namespace dboot
