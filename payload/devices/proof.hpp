#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/devices/device_graph.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Shows that the old system's disks are free: those that it was seen to use, down to the disks
/// themselves. Does nothing in a namespace.
class Proof {
 public:
  Proof(Log& log, Children& children, const DeviceNodes& devices, Permissions permissions);

  /// Looks at what is in use now, in every mount namespace. What is seen only once counts too:
  /// services have disks that nobody else has, and somebody may mount one in between. A child
  /// looks: a filesystem may be asked for its options (btrfs), and a namespace may end under the
  /// look.
  Task<> look();

  /// Each that is still there is opened with O_EXCL, which the kernel refuses while anything in it
  /// uses the device; but for a loop device, for which it is looked. Logs "released" or "still
  /// busy", and at last how many of them there are. Returns what is busy, or cannot be looked at,
  /// with its holders; empty when all is free. Those that are `kept` are the new system's: they are
  /// in use, and logged as such.
  Task<std::string> give(const std::set<std::string>& kept) const;

  /// The devices that were seen in use, by their names in sysfs, without those that are `kept`.
  std::vector<std::string> devices(const std::set<std::string>& kept) const;

 private:
  struct Seen {
    DeviceGraph::DeviceInUse device;
    DeviceGraph::Traces traces;
  };

  void note(Seen seen);
  void note_pool(const std::string& pool);
  Task<std::string> what_keeps(const std::string& name) const;
  Task<std::string> why_busy(const std::string& name) const;
  Task<std::string> name_holders(const Seen& seen, const std::string& reason) const;
  void note_connections(const std::set<std::string>& kept) const;

  Log& log_;
  Children& children_;
  const DeviceNodes& devices_;
  bool allowed_;
  std::vector<Seen> seen_;
  std::set<std::string> pools_;  ///< "zfs on /pool": their devices are not known
};

}  // namespace dboot
