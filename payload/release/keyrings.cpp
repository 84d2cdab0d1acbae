#include "payload/release/keyrings.hpp"

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "payload/children/blocking.hpp"

namespace dboot {
namespace {

constexpr int of_root = KEY_SPEC_USER_KEYRING;

void check(long result, const std::string& what) {
  // The kernel is built without, or there is no such keyring.
  if (result >= 0 || errno == ENOSYS || errno == ENOKEY) return;
  throw std::system_error(errno, std::generic_category(), what);
}

void clear(int keyring, const std::string& name) {
  check(::syscall(SYS_keyctl, KEYCTL_CLEAR, keyring), "clear the " + name + " keyring");
  // As the kernel makes the others (security/keys/process_keys.c).
  if (keyring == of_root) return;
  check(::syscall(SYS_keyctl, KEYCTL_LINK, of_root, keyring), "link to the " + name + " keyring");
}

}  // namespace

Task<> clear_keyrings(Log& log, Children& children, Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows(Action::clear_keyrings)) co_return;
  // In a child: where there is no session keyring, the kernel makes one for who asks.
  blocking::Work work = [](const blocking::Report&) {
    clear(of_root, "user");
    clear(KEY_SPEC_USER_SESSION_KEYRING, "user session");
    clear(KEY_SPEC_SESSION_KEYRING, "session");
  };
  auto child = blocking::run(children, "clear keyrings", 2s, std::move(work));
  const auto outcome = co_await std::move(child);
  blocking::note_call(log, "KEYCTL_CLEAR", "keyrings of root", outcome);
  if (!outcome.finished()) log.warning("keys stay", {{"reason", outcome.error}});
}

}  // namespace dboot
