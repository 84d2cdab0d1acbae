#include "payload/children/credentials.hpp"

#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace dboot {
namespace {

/// What stands in the plan for root needs no change, and may not be allowed to make one.
bool is_root(const Credentials& credentials) noexcept {
  return credentials == Credentials();
}

}  // namespace

bool become(const Credentials& credentials) noexcept {
  if (is_root(credentials)) return true;
  static_assert(sizeof(gid_t) == sizeof(std::uint32_t));
  // A change of user takes it away (prctl(2)), and with it a rehearsal's end.
  int at_end_of_parent = 0;
  ::prctl(PR_GET_PDEATHSIG, &at_end_of_parent);
  const bool became = ::setgroups(credentials.groups.size(), credentials.groups.data()) == 0 &&
                      ::setresgid(credentials.gid, credentials.gid, 0) == 0 &&
                      ::setresuid(credentials.uid, credentials.uid, 0) == 0;
  if (became) ::prctl(PR_SET_PDEATHSIG, at_end_of_parent);
  return became;
}

void become_root_again() noexcept {
  ::setresuid(0, 0, 0);
  ::setresgid(0, 0, 0);
  ::setgroups(0, nullptr);
}

void give_terminals(std::span<const int> fds, const Credentials& credentials) noexcept {
  if (is_root(credentials)) return;
  constexpr auto unchanged = static_cast<gid_t>(-1);
  for (const int fd : fds) {
    if (::isatty(fd) == 1) [[maybe_unused]]
      const int refused = ::fchown(fd, credentials.uid, unchanged);
  }
}

}  // namespace dboot
