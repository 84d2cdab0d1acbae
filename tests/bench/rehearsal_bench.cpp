/// How long the payload takes from its start to the start of the new system, in namespaces in which
/// fifty ordinary processes run. tools/bench runs it.

#include <benchmark/benchmark.h>
#include <poll.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "shared/system/syscalls.hpp"
#include "tests/bench/log_time.hpp"
#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/busybox_image.hpp"

namespace dboot::testing {
namespace {

constexpr int ordinary_processes = 50;

/// The payload's log once the hand-over is in it.
std::string log_of(const SandboxHost& host) {
  const std::string path = "/proc/" + std::to_string(host.pid_1()) + "/root/run/dboot/payload.log";
  for (int i = 0; i < 10'000; ++i) {
    std::string log = sys::read_file_or_empty(path);
    if (log.find("hand-over finished") != std::string::npos) return log;
    ::poll(nullptr, 0, 1);
  }
  throw std::runtime_error("the takeover does not come to its end");
}

void take_over_fifty_processes(benchmark::State& state) {
  const std::filesystem::path image = "/tmp/dboot-bench-" + std::to_string(::getpid()) + ".tar";
  std::ofstream(image, std::ios::binary) << busybox_image();
  for (auto _ : state) {
    const SandboxHost host;
    std::vector<SandboxProcess> processes;
    for (int i = 0; i < ordinary_processes; ++i) {
      processes.push_back(host.start({"/bin/busybox", "sleep", "1000"}));
    }
    const auto injector = host.start({DBOOT_INJECT, "--yes", image, "/bin/sh", "-c", "read x"});
    const std::string log = log_of(host);
    const double begin = bench::time_of(log, "wake started");
    state.SetIterationTime(bench::time_of(log, "hand-over starting") - begin);
    const double injection = begin - bench::time_of(log, "inject started");
    state.counters["injection"] +=
        benchmark::Counter(injection, benchmark::Counter::kAvgIterations);
  }
  std::filesystem::remove(image);
}
BENCHMARK(take_over_fifty_processes)
    ->UseManualTime()
    ->Iterations(11)
    ->Repetitions(5)
    ->ReportAggregatesOnly()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace dboot::testing

BENCHMARK_MAIN();
