#pragma once

#include <span>

#include "shared/plan/plan.hpp"

namespace dboot {

/// Makes the program that this process executes next another user's: groups, gid, uid, in the order
/// in which each is still allowed. Does nothing for root. False with errno set when the kernel
/// refuses. The saved ids stay root's until execve(2) succeeds, which gives them up.
bool become(const Credentials& credentials) noexcept;

/// After an execve(2) that has failed.
void become_root_again() noexcept;

/// Gives the terminals among `fds` to the user, who could not open /dev/console or their other
/// names otherwise, as login(1) and docker do. What refuses stays root's.
void give_terminals(std::span<const int> fds, const Credentials& credentials) noexcept;

}  // namespace dboot
