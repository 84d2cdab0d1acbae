#include "payload/identity.hpp"

#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace dboot {
namespace {

/// What stands in the plan for root needs no change, and may not be allowed to make one.
bool is_root(const Identity& identity) noexcept {
  return identity == Identity();
}

}  // namespace

bool become(const Identity& identity) noexcept {
  if (is_root(identity)) return true;
  static_assert(sizeof(gid_t) == sizeof(std::uint32_t));
  // A change of user takes it away (prctl(2)), and with it a rehearsal's end.
  int at_end_of_parent = 0;
  ::prctl(PR_GET_PDEATHSIG, &at_end_of_parent);
  const bool became = ::setgroups(identity.groups.size(), identity.groups.data()) == 0 &&
                      ::setresgid(identity.gid, identity.gid, 0) == 0 &&
                      ::setresuid(identity.uid, identity.uid, 0) == 0;
  if (became) ::prctl(PR_SET_PDEATHSIG, at_end_of_parent);
  return became;
}

void become_root_again() noexcept {
  ::setresuid(0, 0, 0);
  ::setresgid(0, 0, 0);
  ::setgroups(0, nullptr);
}

void give_terminals(std::span<const int> fds, const Identity& identity) noexcept {
  if (is_root(identity)) return;
  constexpr auto unchanged = static_cast<gid_t>(-1);
  for (const int fd : fds) {
    if (::isatty(fd) == 1) [[maybe_unused]]
      const int refused = ::fchown(fd, identity.uid, unchanged);
  }
}

}  // namespace dboot
