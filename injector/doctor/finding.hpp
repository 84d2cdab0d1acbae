#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// What --doctor has to say of this machine.
namespace dboot::doctor {

enum class State : std::uint8_t {
  good,
  careful,  ///< a takeover works, and somebody may not like it
  bad,      ///< a takeover would be refused, or fail
};

struct Finding {
  State state = State::good;
  std::string about;  ///< "memory"
  std::string what;
  std::string advice;  ///< empty where there is none
};
using Findings = std::vector<Finding>;

/// Whether a takeover would work.
bool works(const Findings& findings);

/// For a person: a table. In colours where `colours` is set.
std::string text(const Findings& findings, bool colours);

/// One object of JSON, in one line (dboot-inject(8), DOCTOR).
std::string json(const Findings& findings);

}  // namespace dboot::doctor
