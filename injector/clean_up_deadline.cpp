#include "injector/clean_up_deadline.hpp"

#include <poll.h>

#include <algorithm>
#include <string>

#include "injector/failure.hpp"
#include "injector/interruption.hpp"

namespace dboot {

CleanUpDeadline::CleanUpDeadline(std::chrono::milliseconds limit,
                                 std::chrono::milliseconds when_interrupted)
    : limit_(limit),
      when_interrupted_(when_interrupted),
      // Those that came before are one wish to stop, however often it was uttered.
      allowed_signals_(std::max(interruption::count(), 1U)),
      end_(Clock::now() + limit) {}

void CleanUpDeadline::shorten() {
  interrupted_ = true;
  const auto end = Clock::now() + when_interrupted_;
  if (end >= end_) return;
  end_ = end;
  limit_ = when_interrupted_;
}

void CleanUpDeadline::check() {
  const unsigned signals = interruption::count();
  if (signals > allowed_signals_) throw Failure("interrupted while cleaning up", "");
  if (signals > 0 && !interrupted_) shorten();
  if (Clock::now() < end_) return;
  throw Failure("not done within " + std::to_string(limit_.count() / 1000) + " s", "");
}

bool CleanUpDeadline::wait(std::chrono::milliseconds interval) {
  const auto rest = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now());
  ::poll(nullptr, 0,
         static_cast<int>(std::clamp(rest, std::chrono::milliseconds(0), interval).count()));
  try {
    check();
  } catch (const Failure&) {
    return false;
  }
  return true;
}

}  // namespace dboot
