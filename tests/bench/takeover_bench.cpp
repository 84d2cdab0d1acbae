/// How long a takeover of a real host takes, from the command to the first line of the new init, in
/// an emulated machine: the times are good for comparing with each other, and with other programs
/// measured in the same machine. tools/bench runs it.

#include <benchmark/benchmark.h>

#include <chrono>
#include <map>
#include <regex>
#include <string>

#include "tests/machine/driver/host.hpp"
#include "tests/machine/new_system.hpp"

namespace dboot::machine {
namespace {

/// What the payload's log says about its phases, in seconds. When a name comes twice, their sum.
std::map<std::string, double> durations(const std::string& log) {
  static const std::regex line(R"(\] \w+ (\S+) finished.* duration=([0-9.]+)ms)");
  std::map<std::string, double> seconds;
  for (std::sregex_iterator match(log.begin(), log.end(), line), end; match != end; ++match)
    seconds[(*match)[1]] += std::stod((*match)[2]) / 1000;
  return seconds;
}

/// The image is busybox, some 2 MB.
void take_over_with_busybox(benchmark::State& state) {
  for (auto _ : state) {
    Host host(Host::Console::serial);
    const auto begin = std::chrono::steady_clock::now();
    host.shell().start("dboot-inject --yes busybox -- /bin/sh -c 'echo firstline; exec sh'");
    host.console().expect("^firstline$", 180s);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    state.SetIterationTime(elapsed.count());
    Shell shell =
        open_shell(host.machine(), [&](std::string_view typed) { host.console().send(typed); });
    for (const auto& [phase, seconds] : durations(shell.output_of("cat /run/dboot/payload.log")))
      state.counters[phase] += benchmark::Counter(seconds, benchmark::Counter::kAvgIterations);
  }
}
BENCHMARK(take_over_with_busybox)->UseManualTime()->Iterations(3)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace dboot::machine

BENCHMARK_MAIN();
