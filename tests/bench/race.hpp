#pragma once

#include <functional>
#include <string>
#include <vector>

namespace dboot::bench {

/// One way to do a thing: does it once and returns how many seconds that took; what it needs before
/// and leaves behind does not count.
struct Runner {
  std::string name;
  std::function<double()> run;
};

/// What is promised of `first`: to take at most `most` times as long as `second`.
struct Race {
  std::string name;
  Runner first;
  Runner second;
  double most = 1;
};

/// Runs both five times by turns, after once without a clock, prints the medians and their ratio,
/// and returns whether the promise is kept.
bool run(const Race& race);

/// Seconds that `work` takes.
double seconds(const std::function<void()>& work);

/// Runs a command with the shell, which has pipefail, and throws when it fails.
void shell(const std::string& command);

}  // namespace dboot::bench
