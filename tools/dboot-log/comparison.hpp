#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/dboot-log/account.hpp"

namespace dboot {

/// What is different in a second takeover.
struct Comparison {
  struct Change {
    std::string name;            ///< of a phase, or of a process's command
    std::optional<Time> before;  ///< empty where there was none
    std::optional<Time> after;   ///< empty where there is none any more
    Time more() const noexcept { return after.value_or(Time{0}) - before.value_or(Time{0}); }
  };
  std::vector<Change> phases;  ///< in their order, the first one's that are gone last
  std::vector<Change>
      processes;  ///< that got slower or faster by 100 ms and a tenth; the most first
  std::vector<std::string> killed;  ///< commands that were killed in the second one only
  std::vector<std::string>
      troubles;                     ///< warnings and errors, busy things and what was left out, new
  std::vector<std::string> mended;  ///< that are gone
  std::string outcome_before;
  std::string outcome_after;
};

/// Of processes that one of them does not know, for it has more than an account keeps, nothing is
/// said. Of several processes of a command the slowest counts; of several phases of a name the sum.
Comparison compare(const Account& before, const Account& after);

/// For a person.
std::string text(const Comparison& comparison);

}  // namespace dboot
