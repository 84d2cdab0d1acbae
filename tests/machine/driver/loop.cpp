#include "tests/machine/driver/loop.hpp"

namespace dboot::machine {

void Loop::run_until(const std::function<bool()>& done, std::chrono::seconds timeout,
                     std::string_view what) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!done()) {
    for (const auto& check : checks_) check();
    if (context_.stopped()) context_.restart();
    if (context_.run_one_until(deadline) == 0 && std::chrono::steady_clock::now() >= deadline)
      throw TimedOut("no " + std::string(what) + " within " + std::to_string(timeout.count()) +
                     " s");
  }
}

}  // namespace dboot::machine
