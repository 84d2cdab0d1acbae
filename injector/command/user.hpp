#pragma once

#include <string>
#include <string_view>

#include "shared/plan/plan.hpp"

/// Who a program of the image is executed by.
namespace dboot::rootfs {

struct User {
  Credentials credentials;
  std::string home = "/";
  std::string shell{};  ///< empty where there is no entry
};

/// What "user[:group]", by names or numbers, means to the passwd(5) and group(5) of an image; both
/// as `docker run` has it: a number needs no entry, the groups are those that the user's name is a
/// member of and its own, and an explicit group is the only one. Throws Failure for a name that
/// nobody has.
User resolve_user(const std::string& specification, std::string_view passwd,
                  std::string_view group);

/// The same with /etc/passwd and /etc/group below `root_fd`; what is no regular file has no
/// entries.
User find_user(int root_fd, const std::string& specification);

/// The home directory of the user `name` in a passwd(5); empty where there is no such user.
std::string home_of(const std::string& name, std::string_view passwd);

/// Throws Failure, status 126, unless that user may execute the file at `path`, as the kernel has
/// it, inside the root. Does nothing where this process may not become another user itself.
void check_permission(int root_fd, const std::string& path, const std::string& user,
                      const Credentials& credentials);

}  // namespace dboot::rootfs
