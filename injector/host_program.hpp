#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/plan/plan.hpp"

/// Programs of the host, where it is them alone who know the answer.
namespace dboot::host_program {

struct Answer {
  int status = 0;      ///< as wait(2) has it
  std::string output;  ///< standard output
  std::string errors;  ///< standard error
};

/// The first in the directories where distributions have programs; empty when there is none.
std::string find(const std::string& name);

/// Runs it to its end, without input, with an environment of its own (PATH, LC_ALL=C) and, where
/// given, as that user. `arguments[0]` is its path. It ends with this process, and after
/// `patience`. Throws Failure when it cannot be executed, does not end, or the user interrupts.
Answer run(const std::vector<std::string>& arguments, std::chrono::seconds patience,
           const std::optional<Credentials>& as = {});

/// The last line of a text that is not empty; empty when there is none.
std::string last_line(const std::string& text);

}  // namespace dboot::host_program
