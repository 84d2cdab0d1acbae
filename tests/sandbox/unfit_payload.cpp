// A payload that says of itself that it can be proved, and fails.
#include "shared/plan/payload_note.h"

DBOOT_PAYLOAD_NOTE(1, 1, 0);

int main() {
  return 3;
}
