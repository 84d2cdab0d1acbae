// A payload that does what none must do: it ends, in the way that /opt/how names.
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "shared/plan/payload_note.h"

DBOOT_PAYLOAD_NOTE(1, 1, 0);

int main(int argc, char**) {
  if (argc > 1) return 0;  // --self-test
  std::array<char, 16> text{};
  const auto size = ::read(::open("/opt/how", O_RDONLY), text.data(), text.size());
  const std::string_view how(text.data(), size > 0 ? static_cast<std::size_t>(size) - 1 : 0);
  if (how == "crashes") __builtin_trap();
  if (how == "is killed") {
    // By the kernel, at its next system call.
    ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    ::getpid();
  }
  return 3;
}
