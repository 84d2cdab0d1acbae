#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "injector/target.hpp"

/// Whether the policy of SELinux stands in the way of a takeover.
namespace dboot::selinux {

/// Throws Failure when SELinux is enforcing and its policy denies that the target executes the
/// payload, open as `payload`; warns when it is enforcing and does not.
void check(const Target& target, int payload);

/// What the policy says to one class of access.
struct Decision {
  unsigned allowed = 0;     ///< a bit for each permission of the class
  bool permissive = false;  ///< the domain's denials are logged and not enforced
};
/// The answer of /sys/fs/selinux/access (security/selinux/selinuxfs.c: sel_write_access). Pure.
std::optional<Decision> parse_decision(std::string_view answer);

}  // namespace dboot::selinux
