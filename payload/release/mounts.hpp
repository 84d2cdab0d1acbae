#pragma once

#include <string>

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/release/releaser.hpp"

namespace dboot {

/// What is mounted at and below a directory.
class Mounts final : public Releaser {
 public:
  Mounts(Log& log, Children& children, Permissions permissions, std::string directory);

  std::string_view name() const noexcept override { return "mounts"; }
  /// Unmounts whatever can be unmounted, until nothing has gone for 250 ms: a filesystem may stay
  /// busy for tens of milliseconds after the last process that used it has ended.
  Task<std::size_t> release() override;
  /// Each that is left is named, its filesystem made read-only (on a machine) and detached lazily,
  /// so that it goes with its last user.
  Task<> give_up() override;

 private:
  Task<std::size_t> unmount_one_by_one();

  Log& log_;
  Children& children_;
  bool may_change_filesystems_;
  std::string directory_;
  std::size_t gone_ = 0;
};

}  // namespace dboot
