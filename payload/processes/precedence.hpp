#pragma once

#include <sched.h>

#include <optional>

#include "payload/permissions.hpp"

namespace dboot {

/// While it exists, this process and the children that it forks run before all others (SCHED_RR,
/// sched(7)). Hundreds of processes that never rest would leave so little of a processor to who is
/// to end them that a look at them took minutes.
class Precedence {
 public:
  explicit Precedence(Permissions permissions) noexcept;
  Precedence(const Precedence&) = delete;
  Precedence& operator=(const Precedence&) = delete;
  ~Precedence();

 private:
  int policy_ = SCHED_OTHER;
  sched_param parameters_{};
  bool is_taken_ = false;
};

}  // namespace dboot
