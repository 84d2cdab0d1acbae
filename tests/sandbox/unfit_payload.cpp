// A payload that says of itself that it can be proved, and fails.
#include <signal.h>
#include <unistd.h>

#include "shared/plan/payload_note.h"

DBOOT_PAYLOAD_NOTE(1, 1, 0);

int main() {
  // Were it the group of dboot-inject, that would be its end.
  ::signal(SIGTERM, SIG_IGN);
  ::kill(0, SIGTERM);
  [[maybe_unused]] const auto written = ::write(2, "it has\nno legs\n", 15);
  return 3;
}
