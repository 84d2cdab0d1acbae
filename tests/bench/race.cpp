#include "tests/bench/race.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <stdexcept>

#include "shared/system/syscalls.hpp"

namespace dboot::bench {

namespace {

/// A virtual machine gives free memory back to its host, and gets it again page by page when it is
/// written to, which may take longer than what is measured. So it has what both need beforehand.
void have_memory() {
  constexpr std::size_t bytes = std::size_t{3} << 30U;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) sys::fail(errno, {"map 3 GiB of memory"});
  ::munmap(memory, bytes);
}

double timed(const Runner& runner) {
  have_memory();
  return runner.run();
}

}  // namespace

bool run(const Race& race) {
  constexpr int rounds = 5;
  timed(race.first);
  timed(race.second);
  std::array<std::vector<double>, 2> times;
  for (int round = 0; round < rounds; ++round) {
    times[0].push_back(timed(race.first));
    times[1].push_back(timed(race.second));
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
