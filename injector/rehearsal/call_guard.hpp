#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "shared/proc/mount_table.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// A system call that mounts or unmounts, with what of its arguments matters.
struct MountCall {
  enum class Kind : std::uint8_t { mount, unmount, open_type, reconfigure, set_attributes };
  Kind kind = Kind::mount;
  std::string type;         ///< of mount, open_type (fsopen(2))
  std::string path;         ///< where, absolute and without "..", of reconfigure (fspick(2)) too
  std::uint64_t flags = 0;  ///< of mount(2), umount2(2); those that mount_setattr(2) clears
};

/// What it would do to the machine around a rehearsal, in words for the person who rehearses; empty
/// when it reaches nothing but the rehearsal. `read_mounts`: what the caller sees, asked where it
/// matters, for there may be thousands. `host`: devices of the host's filesystems (st_dev).
std::string harm_of(const MountCall& call, const std::function<MountTable()>& read_mounts,
                    const std::vector<dev_t>& host);

/// Answers the calls of a rehearsal that may reach the machine, see containment::filter_calls().
/// Until its answer the caller waits.
class CallGuard {
 public:
  /// `listener`: what filter_calls() has returned. `host`: the mounts outside. In the mount
  /// namespace whose /proc knows this process. Throws std::system_error.
  CallGuard(UniqueFd listener, const MountTable& host);

  /// Readable when somebody waits.
  int calls() const noexcept { return listener_.get(); }
  /// Answers one, if there is one. What it was refused for, and by whom; empty when it was not.
  std::string answer();

 private:
  UniqueFd listener_;
  UniqueFd proc_;
  std::vector<dev_t> host_;
};

}  // namespace dboot
