// A payload that says of itself that it can be proved, and fails.
#include <signal.h>
#include <unistd.h>

#include <string>

#include "shared/plan/payload_note.h"

DBOOT_PAYLOAD_NOTE(1, 1, 0);

int main() {
  const std::string more(100'000, '.');
  // Were it the group of dboot-inject, that would be its end.
  ::signal(SIGTERM, SIG_IGN);
  ::kill(0, SIGTERM);
  for (const std::string& words : {std::string("it has\nno legs\n"), more}) {
    [[maybe_unused]] const auto written = ::write(2, words.data(), words.size());
  }
  return 3;
}
