/// How the time to let go of mounts grows with their number: 5,000 take at most six times what
/// 1,000 take. In the emulated machine; tools/bench runs it.

#include <string>

#include "tests/bench/log_time.hpp"
#include "tests/bench/race.hpp"
#include "tests/machine/driver/small_host.hpp"

namespace dboot::bench {
namespace {

using namespace std::chrono_literals;

/// The whole phase, of a system with `count` filesystems more than it has anyhow.
double seconds_to_release(int count) {
  machine::SmallHost host({.memory_mib = 1024});
  host.shell().output_of("i=0; while [ $i -lt " + std::to_string(count) +
                             " ]; do mkdir /srv/$i; mount -t tmpfs $i /srv/$i; i=$((i+1)); done",
                         600s);
  host.take_over("--on-exit poweroff", "true");
  const std::string log = host.console().expect("release finished .*", 300s);
  host.machine().wait_for_end(120s);
  return time_of(log, "release finished") - time_of(log, "release started");
}

int main() {
  const Race race{"let go of 5,000 mounts",
                  {"5,000", [] { return seconds_to_release(5000); }},
                  {"1,000", [] { return seconds_to_release(1000); }},
                  6};
  return run(race) ? 0 : 1;
}

}  // namespace
}  // namespace dboot::bench

int main() {
  return dboot::bench::main();
}
