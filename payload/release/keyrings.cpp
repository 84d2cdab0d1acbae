#include "payload/release/keyrings.hpp"

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "payload/children/blocking.hpp"

namespace dboot {
namespace {

constexpr int of_root = KEY_SPEC_USER_KEYRING;

/// Of keyctl(2): 0 where it has worked, and where there is no such keyring.
int result_of(long returned) {
  const bool is_none = errno == ENOSYS || errno == EOPNOTSUPP || errno == ENOKEY;
  return returned >= 0 || is_none ? 0 : errno;
}

void clear(long keyring, std::string_view name, const blocking::Report& report) {
  report.call("KEYCTL_CLEAR", name, result_of(::syscall(SYS_keyctl, KEYCTL_CLEAR, keyring)));
}

/// As the kernel makes them (security/keys/process_keys.c).
void link_to_roots(long keyring) {
  ::syscall(SYS_keyctl, KEYCTL_LINK, of_root, keyring);
}

}  // namespace

Task<> clear_keyrings(Log& log, Children& children, Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows(Action::clear_keyrings)) co_return;
  // In a child: where there is no session keyring, the kernel makes one for who asks.
  blocking::Work work = [](const blocking::Report& report) {
    clear(of_root, "user", report);
    clear(KEY_SPEC_USER_SESSION_KEYRING, "user session", report);
    link_to_roots(KEY_SPEC_USER_SESSION_KEYRING);
    clear(KEY_SPEC_SESSION_KEYRING, "session", report);
    link_to_roots(KEY_SPEC_SESSION_KEYRING);
    const long persistent =
        ::syscall(SYS_keyctl, KEYCTL_GET_PERSISTENT, 0, KEY_SPEC_PROCESS_KEYRING);
    if (persistent > 0) clear(persistent, "persistent", report);
  };
  auto child = blocking::run(children, "clear keyrings", 2s, std::move(work));
  const auto outcome = co_await std::move(child);
  if (!outcome.finished()) log.warning("keys stay", {{"reason", outcome.error}});
}

}  // namespace dboot
