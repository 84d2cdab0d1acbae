#include "payload/sequence.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include "payload/hooks/breakpoint.hpp"
#include "payload/hooks/hook.hpp"
#include "payload/phases/console.hpp"
#include "payload/phases/hand_over.hpp"
#include "payload/phases/release.hpp"
#include "payload/phases/start.hpp"
#include "payload/phases/sync.hpp"
#include "payload/phases/terminate.hpp"
#include "payload/phases/wake.hpp"
#include "payload/phases/way_out.hpp"
#include "payload/run_phase.hpp"

namespace dboot {
namespace {

/// One for a phase that is not in the sequence would silently be none. Throws std::runtime_error
/// where it must succeed.
void check_places(Context& context, const Sequence& sequence) {
  const auto check = [&](const Place& place, std::string_view what, bool must_be_run) {
    const auto& phases = sequence.phases();
    const bool is_there = std::any_of(phases.begin(), phases.end(), [&](const Phase& phase) {
      return phase.name == place.phase;
    });
    if (is_there) return;
    if (must_be_run)
      throw std::runtime_error("this payload has no phase for the hook " + to_string(place));
    context.log.warning("this payload has no such phase",
                        {{"what", what}, {"at", to_string(place)}});
  };
  for (const auto& hook : context.plan.hooks) check(hook.at, "hook", hook.must_succeed);
  for (const auto& place : context.plan.breakpoints) check(place, "breakpoint", false);
}

/// What somebody has put in there: first the shell, in which one may look before the hooks are run.
Task<> run_inserted(Context& context, Place here) {
  for (const auto& place : context.plan.breakpoints) {
    if (place != here) continue;
    auto stopping = run_phase(context, "break", stop_at(context, place));
    co_await std::move(stopping);
  }
  for (const auto& hook : context.plan.hooks) {
    if (hook.at != here) continue;
    auto running = run_phase(context, "hook", run_hook(context, hook));
    co_await std::move(running);
  }
}

Task<> run_phases(Context& context, const Sequence& sequence) {
  check_places(context, sequence);
  for (const auto& phase : sequence.phases()) {
    auto before = run_inserted(context, {Moment::before, phase.name});
    co_await std::move(before);
    auto running = run_phase(context, phase.name, phase.run(context));
    co_await std::move(running);
    auto after = run_inserted(context, {Moment::after, phase.name});
    co_await std::move(after);
  }
}

/// Before the first line, which shall be in the kernel's log too.
void begin_log(Context& context) {
  context.log.set_phase("wake");
  context.kernel_log.take(context.devices);
  context.log.begin(context.program);
}

/// Its name is a word of the log's lines.
Phase checked(Phase phase) {
  const bool is_word =
      !phase.name.empty() && std::all_of(phase.name.begin(), phase.name.end(), [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') ||
               letter == '-' || letter == '_';
      });
  if (!is_word) throw std::invalid_argument("the name of a phase is a word of a-z, 0-9, - and _");
  if (!phase.run) throw std::invalid_argument("the phase " + phase.name + " does nothing");
  return phase;
}

}  // namespace

Sequence Sequence::of_dboot_init() {
  Sequence sequence;
  sequence.phases_ = {
      {"wake", phases::wake},       {"console", phases::console},
      {"sync", phases::sync},       {"terminate", phases::terminate},
      {"release", phases::release}, {"hand-over", phases::hand_over},
      {"start", phases::start},
  };
  return sequence;
}

Sequence& Sequence::before(std::string_view name, Phase phase) {
  phases_.insert(find(name), checked(std::move(phase)));
  return *this;
}

Sequence& Sequence::after(std::string_view name, Phase phase) {
  phases_.insert(std::next(find(name)), checked(std::move(phase)));
  return *this;
}

Sequence& Sequence::in_place_of(std::string_view name, Phase phase) {
  *find(name) = checked(std::move(phase));
  return *this;
}

Sequence& Sequence::without(std::string_view name) {
  phases_.erase(find(name));
  return *this;
}

std::vector<Phase>::iterator Sequence::find(std::string_view name) {
  const auto found = std::find_if(phases_.begin(), phases_.end(),
                                  [&](const Phase& phase) { return phase.name == name; });
  if (found == phases_.end())
    throw std::invalid_argument("the sequence has no phase " + std::string(name));
  return found;
}

Task<> take_over(Context& context, const Sequence& sequence) {
  std::string reason = "the sequence has ended, and no new system was started";
  begin_log(context);
  try {
    co_await context.watchdogs.keep_fed();
    auto running = run_phases(context, sequence);
    co_await std::move(running);
  } catch (const std::exception& error) {
    reason = error.what();
  }
  auto leaving = phases::way_out(context, std::move(reason));
  co_await std::move(leaving);
}

Task<> refuse(Context& context, std::string reason) {
  begin_log(context);
  co_await context.watchdogs.keep_fed();
  co_await phases::console(context);
  auto leaving = phases::way_out(context, std::move(reason));
  co_await std::move(leaving);
}

}  // namespace dboot
