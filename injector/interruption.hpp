#pragma once

#include <signal.h>

#include <atomic>

/// Ctrl-C, SIGTERM and a hangup before the point of no return. They set a flag; whatever takes long
/// calls check(), which throws, and destructors undo what was begun.
namespace dboot::interruption {

/// From here on SIGINT, SIGTERM and SIGHUP set the flag, unless they are ignored; system calls that
/// they interrupt end with EINTR.
void catch_signals();

/// Throws Failure when one of them has come. May be called by any thread.
void check();

/// The last of them that has come; 0 when none has.
int last() noexcept;

/// The mask for a ppoll(2) that these signals are to end: what is blocked now, without them.
sigset_t mask_without_them() noexcept;

/// How many of them have come.
unsigned count() noexcept;

/// For another thread than the first: from now on check() throws in this one also when `leaving` is
/// set, by whoever waits for its end. `leaving` must live as long as the thread.
void end_thread_when(const std::atomic<bool>& leaving) noexcept;

/// Blocks the signals for work that must not be interrupted. Throws Failure when one came before.
void hold_back();

/// Unblocks them after hold_back(). A signal that came in between sets the flag now.
void let_through();

/// From here on they have their default action again, and are not blocked.
void restore_default_actions();

}  // namespace dboot::interruption
