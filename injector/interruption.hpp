#pragma once

/// Ctrl-C and its like, up to the point of no return: a flag that the long loops look at, so that
/// whatever was begun is undone by destructors.
namespace dboot::interruption {

/// From here on SIGINT, SIGTERM and SIGHUP set the flag; system calls that they interrupt end with
/// EINTR.
void catch_signals();

/// Throws Failure when one of them has come.
void check();

/// Blocks them for good: from here on they are too late. Throws Failure when one has come before.
void close();

}  // namespace dboot::interruption
