/// How the time to end processes grows with their number: 5,000 take at most six times what 1,000
/// take. In rehearsals; tools/bench runs it.

#include <string>

#include "tests/bench/log_time.hpp"
#include "tests/bench/race.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/run.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::bench {
namespace {

/// From the request to reboot to the end of the last of `count` sleeping processes.
double seconds_to_end(const std::string& image, int count) {
  const std::string script = "i=0; while [ $i -lt " + std::to_string(count) +
                             " ]; do sleep 1000 & i=$((i+1)); done; kill -TERM 1; wait";
  const std::string log =
      dboot::run({"/bin/sh", "-c", "exec \"$@\" 2>&1 </dev/null", "sh", DBOOT_INJECT, "--rehearse",
                  "--grace", "600", image, "--", "/bin/sh", "-c", script});
  return time_of(log, "power processes asked to end") - time_of(log, "power the system ends");
}

int main() {
  const TemporaryDirectory directory;
  const std::string image = directory / "image.tar";
  write_text(image, busybox_image());
  const Race race{"end 5,000 sleeping processes",
                  {"5,000", [&] { return seconds_to_end(image, 5000); }},
                  {"1,000", [&] { return seconds_to_end(image, 1000); }},
                  6};
  return run(race) ? 0 : 1;
}

}  // namespace
}  // namespace dboot::bench

int main() {
  return dboot::bench::main();
}
