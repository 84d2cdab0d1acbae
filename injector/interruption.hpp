#pragma once

#include <signal.h>

#include <atomic>

/// Ctrl-C and its like, up to the point of no return: a flag that the long loops look at, so that
/// whatever was begun is undone by destructors.
namespace dboot::interruption {

/// From here on SIGINT, SIGTERM and SIGHUP set the flag, unless they are ignored; system calls that
/// they interrupt end with EINTR.
void catch_signals();

/// Throws Failure when one of them has come. May be called by any thread.
void check();

/// The last of them that has come; 0 when none has.
int last() noexcept;

/// For ppoll(2) in a loop that nothing else interrupts: the signals that are blocked now, but for
/// these.
sigset_t open_mask() noexcept;

/// How many of them have come.
unsigned count() noexcept;

/// For another thread than the first: from now on check() throws there as well when `leaving` is
/// set, which must live as long as the thread.
void end_thread_when(const std::atomic<bool>& leaving) noexcept;

/// Blocks them: what follows is not to be interrupted. Throws Failure when one has come before.
void close();

/// Ends close(): one that has come meanwhile sets the flag now.
void reopen();

/// Gives all of them their default action back, unblocked.
void give_up();

}  // namespace dboot::interruption
