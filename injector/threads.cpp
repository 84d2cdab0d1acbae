#include "injector/threads.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include "shared/system/signals.hpp"

namespace dboot::threads {
unsigned processors() noexcept {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(CPU_COUNT(&set), 1));
}

std::jthread start(std::function<void()> work) {
  const SignalsBlocked blocked;
  return std::jthread(std::move(work));
}

void run(unsigned count, const std::function<void()>& work, const std::function<void()>& stop) {
  std::mutex mutex;
  std::exception_ptr failure;
  const auto guarded = [&] {
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      stop();
    }
  };
  {
    std::vector<std::jthread> workers;
    try {
      for (unsigned i = 0; i < count; ++i) workers.push_back(start(guarded));
    } catch (...) {
      // Those that are there do the work of all.
      if (workers.empty()) throw;
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace dboot::threads
