// What happens when a system call of the sequence fails: each one that a good run makes, once, and
// of each kind every second and every third.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "shared/proc/fields.hpp"
#include "tests/sandbox/old_system.hpp"

namespace dboot::test {
namespace {

using testing::AnyOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

/// What no kernel does is not tried.
bool cannot_fail(std::string_view call) {
  static constexpr std::array<std::string_view, 6> never{
      "getpid(", "gettid(", "umask(", "exit_group(", "rt_sigreturn(",
      "close(",  // whatever it returns, the descriptor is free afterwards (close(2))
  };
  // On a descriptor that is open, and for epoll registered.
  static constexpr std::array<std::string_view, 4> never_on_what_is_there{
      "EPOLL_CTL_MOD", "EPOLL_CTL_DEL", "F_SETFL", "F_SETFD"};
  const auto is_begin = [&](auto text) { return call.starts_with(text); };
  const auto is_in_it = [&](auto text) { return call.find(text) != std::string_view::npos; };
  return std::any_of(never.begin(), never.end(), is_begin) ||
         std::any_of(never_on_what_is_there.begin(), never_on_what_is_there.end(), is_in_it);
}

/// How it fails, in strace's words.
std::string failure_of(const std::string& name) {
  // The system call returns the old end of the heap (brk(2), "C library/kernel differences").
  if (name == "brk") return "retval=0";
  for (const char* interrupted_only : {"epoll_wait", "wait4", "poll"}) {
    if (name == interrupted_only) return "error=EINTR";
  }
  return "error=EIO";
}

/// Whose failure somebody wants to know of, although the new system is there. The others are tried
/// again, or are there to make sure of what is so in any case.
bool is_told(std::string_view name) {
  static constexpr std::array<std::string_view, 13> names{
      "chdir", "fchdir",     "fsconfig",   "fsmount",    "fsopen", "mkdirat",    "mlockall",
      "mount", "move_mount", "munlockall", "pivot_root", "rmdir",  "setpriority"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

struct Fault {
  std::string name;
  int first = 1;  ///< which call of that name fails, from 1
  int step = 0;   ///< and each so many later; 0: no other

  std::string in_words_of_strace() const {
    return name + ':' + failure_of(name) + ":when=" + std::to_string(first) +
           (step == 0 ? "" : '+' + std::to_string(step));
  }
};

OldSystem& furnish(OldSystem& system) {
  system.processes("sleep 3600 </dev/null >/dev/null 2>&1 &");
  system.command("cat /run/dboot/payload.log; echo the new system is there");
  system.plan().hostname = "rehearsed";
  return system;
}

/// The calls of PID 1 in strace's lines, from the first one of main() on: before, the C library
/// sets itself up, and what it needs for that it has just got from the same kernel in the
/// self-test.
std::map<std::string, std::vector<int>> calls_that_may_fail(std::string_view trace) {
  std::map<std::string, std::vector<int>> may_fail;
  std::map<std::string, int> count;
  std::string_view pid_1;
  bool in_main = false;
  for (const auto line : lines_of(trace)) {
    const auto words = words_of(line);
    if (words.size() < 2) continue;
    if (words[1].starts_with("execveat(")) {
      pid_1 = words[0];
      continue;
    }
    const auto parenthesis = words[1].find('(');
    if (words[0] != pid_1 || parenthesis == std::string_view::npos) continue;
    const std::string name(words[1].substr(0, parenthesis));
    in_main = in_main || name == "rt_sigaction";
    const int number = ++count[name];
    if (in_main && !cannot_fail(line.substr(line.find(words[1])))) may_fail[name].push_back(number);
  }
  return may_fail;
}

std::vector<Fault> faults_of_a_good_run() {
  OldSystem system;
  furnish(system).trace();
  EXPECT_EQ(system.run(), 0) << system.output();
  std::vector<Fault> faults;
  for (const auto& [name, numbers] : calls_that_may_fail(system.witnessed("strace"))) {
    for (const int number : numbers) faults.push_back({name, number, 0});
    // Every second one may be one that cannot fail.
    if (name == "fcntl" || name == "epoll_ctl") continue;
    for (const int step : {2, 3}) faults.push_back({name, numbers.front(), step});
  }
  return faults;
}

/// The new system is there, or the reason why it is not.
void try_out(const Fault& fault) {
  SCOPED_TRACE(fault.in_words_of_strace());
  OldSystem system;
  furnish(system).inject(fault.in_words_of_strace(), OldSystem::Where::in_pid_1);
  const int status = system.run();
  const std::string& output = system.output();
  EXPECT_THAT(output, Not(ContainsRegex("crashed|terminated|event loop has ended")));
  if (status == 0) {
    EXPECT_THAT(output, HasSubstr("the new system is there\n"));
    if (is_told(fault.name)) {
      EXPECT_THAT(output, ContainsRegex("\\] (warning|error) "));
    }
  } else {
    EXPECT_THAT(status, AnyOf(1, 125, 126, 127)) << output;
    EXPECT_THAT(output, AnyOf(ContainsRegex("\\] error (failure|supervise) ."),
                              ContainsRegex("dboot-init: .")));
  }
}

constexpr std::size_t shares = 8;

class EveryCall : public testing::TestWithParam<std::size_t> {};

TEST_P(EveryCall, MayFail) {
  const auto faults = faults_of_a_good_run();
  ASSERT_GT(faults.size(), 300U);
  for (std::size_t number = GetParam(); number < faults.size(); number += shares)
    try_out(faults[number]);
}

INSTANTIATE_TEST_SUITE_P(Share, EveryCall, testing::Range<std::size_t>(0, shares));

}  // namespace
}  // namespace dboot::test
