#pragma once

#include <sched.h>

#include <chrono>
#include <functional>

namespace dboot::testing {

/// Waits until `condition` holds, for ten seconds at most; whether it does. For what the kernel
/// announces to nobody: the state of a process, or of what it held.
inline bool eventually(const std::function<bool()>& condition) {
  const auto last = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > last) return false;
    ::sched_yield();
  }
  return true;
}

}  // namespace dboot::testing
