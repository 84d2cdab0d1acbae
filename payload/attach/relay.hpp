#pragma once

#include "shared/system/unique_fd.hpp"

namespace dboot::attach {

/// What the terminal of the command lies between.
struct Ends {
  UniqueFd master;    ///< of the command's pseudo terminal
  UniqueFd listener;  ///< where those connect who attach (payload/attach/messages.hpp)
  UniqueFd console;   ///< empty for none
};

/// In a process of its own, for any of them may make it wait: passes output to the console and to
/// all who are attached, and what they type to the command, until SIGTERM comes or nobody has the
/// command's terminal any more. Who attaches sees the last of what was put out before. Never
/// throws.
void relay(Ends ends) noexcept;

}  // namespace dboot::attach
