#pragma once

#include <map>
#include <set>
#include <string>

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/release/releaser.hpp"
#include "shared/proc/mount_table.hpp"

namespace dboot {

/// What is mounted at and below a directory.
class Mounts final : public Releaser {
 public:
  Mounts(Log& log, Children& children, Permissions permissions, std::string directory);

  std::string_view name() const noexcept override { return "mounts"; }
  /// Unmounts whatever can be unmounted, until nothing has gone for 250 ms: a filesystem may stay
  /// busy for tens of milliseconds after the last process that used it has ended. When nothing goes
  /// any more, what waits for a server gets an error instead (on a machine). In the last round
  /// each that is left becomes read-only where it lies on a disk (on a machine), and it is detached
  /// lazily, so that it goes with its last user. What has hung once is not
  /// unmounted again.
  Task<std::size_t> release(Round round) override;

 private:
  Task<std::size_t> unmount_all();
  Task<std::size_t> unmount_one_by_one(MountTable mounts);
  Task<std::size_t> give_servers_up();
  Task<> detach_what_is_left();

  Log& log_;
  Children& children_;
  bool may_change_filesystems_;
  std::string directory_;
  std::size_t gone_ = 0;
  std::set<int> hung_;                   ///< those that did not answer, by their number
  std::map<int, std::size_t> given_up_;  ///< how often
};

}  // namespace dboot
