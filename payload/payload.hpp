#pragma once

#include <string>

#include "payload/sequence.hpp"

namespace dboot {

/// A program that PID 1 may execute: dboot-init, or one of somebody's own.
struct Payload {
  std::string name;     ///< for the log and for messages
  std::string version;  ///< of the program
  Sequence sequence;
};

/// All of a payload's main(). As PID 1 it carries the plan out and does not return; what fails ends
/// in the way out. Else it answers --version, --self-test and --check-plan FILE…, and returns the
/// exit status. Whatever uses it has the note that dboot-inject looks for, see
/// shared/plan/payload_note.h.
int run_payload(int argc, char** argv, const Payload& payload);

}  // namespace dboot
