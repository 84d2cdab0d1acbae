#include "payload/processes/precedence.hpp"

#include <sys/resource.h>

namespace dboot {
namespace {

/// With such a limit the kernel ends those who run for long without a pause (getrlimit(2)).
bool is_limited() noexcept {
  rlimit limit{};
  return ::getrlimit(RLIMIT_RTTIME, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY;
}

}  // namespace

Precedence::Precedence(Permissions permissions) noexcept {
  if (!permissions.allows(Action::run_first) || is_limited()) return;
  policy_ = ::sched_getscheduler(0);
  const bool is_known = policy_ >= 0 && ::sched_getparam(0, &parameters_) == 0;
  const sched_param lowest{::sched_get_priority_min(SCHED_RR)};
  // Refused, it is only slower: in a cgroup without a share of real time, say.
  is_taken_ = is_known && ::sched_setscheduler(0, SCHED_RR, &lowest) == 0;
}

Precedence::~Precedence() {
  if (is_taken_) ::sched_setscheduler(0, policy_, &parameters_);
}

}  // namespace dboot
