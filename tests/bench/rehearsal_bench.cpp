/// How long the payload takes from its start to the start of the new system, in namespaces in which
/// fifty ordinary processes run, and the same with three login shells and two containers, which may
/// take 100 ms. tools/bench runs it.

#include <benchmark/benchmark.h>
#include <poll.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
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
constexpr double seconds_for_shells_and_containers = 0.1;

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

using Processes = std::vector<SandboxProcess>;

Processes fifty_processes(const SandboxHost& host) {
  Processes processes;
  for (int i = 0; i < ordinary_processes; ++i)
    processes.push_back(host.start({"/bin/busybox", "sleep", "1000"}));
  return processes;
}

/// A shell ignores SIGTERM, and the init of a container does not hear it.
Processes with_shells_and_containers(const SandboxHost& host) {
  constexpr int shells = 3;
  constexpr int containers = 2;
  auto processes = fifty_processes(host);
  for (int i = 0; i < shells; ++i)
    processes.push_back(host.start(
        {"/usr/bin/python3", "-c",
         "import os, pty, signal\n"
         "if pty.fork()[0] == 0: os.execl('/bin/bash', '-bash', '--noprofile', '--norc', '-i')\n"
         "signal.pause()"}));
  for (int i = 0; i < containers; ++i)
    processes.push_back(host.start({"/usr/bin/unshare", "--fork", "--pid", "--mount-proc",
                                    "/bin/sh", "-c", "sleep 1000 & wait; exit"}));
  const auto started = host.run(
      {"/bin/sh", "-c",
       "until [ $(grep -lx bash /proc/[0-9]*/comm | wc -l) = 3 ] && "
       "[ $(grep -l '^NSpid:.*[0-9][[:space:]]1$' /proc/[0-9]*/status | wc -l) = 2 ]; do :; done"});
  if (started.status != 0) throw std::runtime_error(started.output);
  return processes;
}

/// Of any repetition.
bool promise_is_missed = false;

/// The times of all runs, in seconds.
std::vector<double> measure(benchmark::State& state, Processes (*start)(const SandboxHost&)) {
  const std::filesystem::path image = "/tmp/dboot-bench-" + std::to_string(::getpid()) + ".tar";
  std::ofstream(image, std::ios::binary) << busybox_image();
  std::vector<double> times;
  for (auto _ : state) {
    const SandboxHost host;
    const Processes processes = start(host);
    const auto injector = host.start({DBOOT_INJECT, "--yes", image, "/bin/sh", "-c", "read x"});
    const std::string log = log_of(host);
    const double begin = bench::time_of(log, "wake started");
    times.push_back(bench::time_of(log, "hand-over starting") - begin);
    state.SetIterationTime(times.back());
    const double injection = begin - bench::time_of(log, "inject started");
    state.counters["injection"] +=
        benchmark::Counter(injection, benchmark::Counter::kAvgIterations);
  }
  std::filesystem::remove(image);
  return times;
}

void take_over_fifty_processes(benchmark::State& state) {
  measure(state, fifty_processes);
}

void with_three_login_shells_and_two_containers(benchmark::State& state) {
  auto times = measure(state, with_shells_and_containers);
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  if (*middle > seconds_for_shells_and_containers) promise_is_missed = true;
}

void as_often_as_it_takes(benchmark::internal::Benchmark* what) {
  what->UseManualTime()->Iterations(11)->Repetitions(5)->ReportAggregatesOnly()->Unit(
      benchmark::kMillisecond);
}
BENCHMARK(take_over_fifty_processes)->Apply(as_often_as_it_takes);
BENCHMARK(with_three_login_shells_and_two_containers)->Apply(as_often_as_it_takes);

}  // namespace
}  // namespace dboot::testing

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  if (dboot::testing::promise_is_missed) std::cerr << "a median is above 100 ms\n";
  return dboot::testing::promise_is_missed ? 1 : 0;
}
