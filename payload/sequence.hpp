#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/context.hpp"
#include "payload/task.hpp"

namespace dboot {

/// One step of a takeover: a coroutine. What it throws ends the sequence, and leads to the way out.
struct Phase {
  std::string name;  ///< for the log: of a-z, 0-9, - and _
  std::function<Task<>(Context&)> run;
};

/// What happens between execve in the old PID 1 and the start of the new system, in this order.
class Sequence {
 public:
  /// wake, console, sync, terminate, release, hand-over, start: payload/phases has them. From
  /// "terminate" on there is no old system to go back to; after "release" no disk is in use.
  static Sequence of_dboot_init();

  /// They throw std::invalid_argument when there is no phase of that name, and when the new one has
  /// no name that is a word, or nothing to run. In main(), before run_payload(), which makes the
  /// proof fail.
  Sequence& before(std::string_view name, Phase phase);
  Sequence& after(std::string_view name, Phase phase);
  Sequence& in_place_of(std::string_view name, Phase phase);
  Sequence& without(std::string_view name);

  const std::vector<Phase>& phases() const noexcept { return phases_; }

 private:
  std::vector<Phase>::iterator find(std::string_view name);

  std::vector<Phase> phases_;
};

/// Carries the sequence out. Does not return: it ends in the new system, or in the way out, where a
/// sequence that comes to its end leads too.
Task<> take_over(Context& context, const Sequence& sequence);

/// For a plan that cannot be carried out: the consoles, then the way out. Does not return.
Task<> refuse(Context& context, std::string reason);

}  // namespace dboot
