#include "tests/bench/race.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <stdexcept>

#include "shared/syscalls.hpp"

namespace dboot::bench {

bool run(const Race& race) {
  constexpr int rounds = 5;
  race.first.run();
  race.second.run();
  std::array<std::vector<double>, 2> times;
  for (int round = 0; round < rounds; ++round) {
    times[0].push_back(race.first.run());
    times[1].push_back(race.second.run());
  }
  for (auto& list : times) std::sort(list.begin(), list.end());
  const double first = times[0][rounds / 2];
  const double second = times[1][rounds / 2];
  const bool kept = first <= race.most * second;
  std::printf("%s\n", race.name.c_str());
  for (const auto& [runner, list] :
       {std::pair(&race.first, &times[0]), {&race.second, &times[1]}}) {
    std::printf("  %-44s %7.3f s   (%.3f … %.3f)\n", runner->name.c_str(), (*list)[rounds / 2],
                list->front(), list->back());
  }
  std::printf("  ratio %.2f: %.1f times as fast; promised %.2f: %s\n", first / second,
              second / first, race.most, kept ? "kept" : "MISSED");
  std::fflush(stdout);
  return kept;
}

double seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void shell(const std::string& command) {
  const pid_t child = sys::check(::fork(), "fork");
  if (child == 0) {
    ::execl("/bin/bash", "bash", "-o", "pipefail", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
  }
  if (status != 0) throw std::runtime_error("failed: " + command);
}

}  // namespace dboot::bench
