#pragma once

#include <signal.h>
#include <unistd.h>

#include <chrono>

#include "shared/system/unique_fd.hpp"
#include "shared/terminal/streams.hpp"

namespace dboot {

class CallGuard;
class PayloadLog;

/// How a rehearsal is attended.
struct Attendance {
  PayloadLog* log = nullptr;   ///< shown on stderr, when there is one
  CallGuard* guard = nullptr;  ///< answers system calls, when there is one
  /// What asks PID 1 to end when this process is told to, and how long it has for that.
  int end_signal = SIGTERM;
  std::chrono::milliseconds patience{10'000};
};

/// This process's side of a rehearsal.
struct AttendedStdio {
  int console;     ///< master of the pseudo terminal
  UniqueFd input;  ///< pipes to 0 and from 1 and 2 of PID 1; none of them when it has its console
  UniqueFd output;
  UniqueFd error;
};

/// This process's own 0 to 2. To be opened before another mount namespace is entered, whose /proc
/// does not know this process.
struct OwnStdio {
  Inlet input{STDIN_FILENO};
  Outlet output{STDOUT_FILENO};
  Outlet error{STDERR_FILENO};
};

/// How it went.
struct Attended {
  int signal = 0;         ///< the first that came; SIGPIPE when nobody reads the output any more
  int lost_output = 0;    ///< another reason why output is lost (errno)
  bool is_ended = false;  ///< by us, and not by itself
};

/// Passes on what is typed, written and logged until the process behind `pidfd` has ended, and then
/// what it has left. A terminal on stdin is in raw mode meanwhile when PID 1 has its console, and
/// Ctrl-] three times ends the process. SIGINT, SIGTERM, SIGHUP and an output that nobody reads ask
/// it to end in good order, and a second signal, or the end of the patience, ends it.
/// Throws std::system_error.
Attended attend(OwnStdio& own, AttendedStdio stdio, int pidfd, const Attendance& attendance);

}  // namespace dboot
