#pragma once

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
  /// busy for tens of milliseconds after the last process that used it has ended. In the last round
  /// each that is left becomes read-only where it lies on a disk (on a machine), and it is detached
  /// lazily, so that it goes with its last user. What has hung once is not
  /// unmounted again.
  Task<std::size_t> release(Round round) override;

  /// The control filesystem of the kernel's NFS server, which stops with it (fs/nfsd/nfsctl.c:
  /// nfsd_umount), is unmounted from here on: what others have mounted from it has gone. False when
  /// nothing is left that could be unmounted.
  bool spare_no_server();

  /// When nothing goes any more: a server that answers gets what is yet to be written to it; what
  /// waits for one that does not gets an error instead, so that it goes. On a machine. False when
  /// nothing that has a server is left.
  Task<bool> settle_servers();

 private:
  Task<std::size_t> unmount_all();
  Task<std::size_t> unmount_one_by_one(MountTable mounts);
  Task<bool> answers(const Mount& mount);
  Task<> give_up(const Mount& mount);
  Task<> detach_what_is_left();

  Log& log_;
  Children& children_;
  bool may_change_filesystems_;
  std::string directory_;
  std::size_t gone_ = 0;
  std::set<int> hung_;  ///< those that did not answer, by their number
  bool spares_nfsd_ = true;
  std::set<int> given_up_;  ///< whose servers do not answer
};

}  // namespace dboot
