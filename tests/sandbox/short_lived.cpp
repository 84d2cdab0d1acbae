// Processes of which each starts the next one, in a session of its own, and ends:
//   short-lived LINES   as many of them go on beside each other, without end
// SIGTERM is ignored.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

int main(int argc, char** argv) {
  ::signal(SIGTERM, SIG_IGN);
  for (int lines = argc == 2 ? std::atoi(argv[1]) : 1; lines > 1 && ::fork() != 0;) --lines;
  for (;;) {
    if (::fork() > 0) ::_exit(0);
    ::setsid();
  }
}
