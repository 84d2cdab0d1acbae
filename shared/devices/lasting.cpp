#include "shared/devices/lasting.hpp"

namespace dboot {
namespace {

struct Kind {
  std::string_view prefix;  ///< of its devices' names, which a number follows
  std::string_view name;
  std::string_view command;  ///< with @ for the device's name
  bool is_remote = false;
};

constexpr Kind kinds[] = {{"bcache", "bcache", "echo 1 >/sys/block/@/bcache/stop"},
                          {"drbd", "drbd", "drbdadm down all"},
                          {"zd", "zfs", "zpool export -a"},
                          {"nbd", "nbd", "nbd-client -d /dev/@", true},
                          {"rbd", "rbd", "rbd unmap /dev/@", true}};

bool is_of(const BlockDevice& device, const Kind& kind) {
  const auto& name = device.name;
  if (!name.starts_with(kind.prefix) || name.size() == kind.prefix.size()) return false;
  const char next = name[kind.prefix.size()];
  return next >= '0' && next <= '9';
}

Lasting lasting_of(const Kind& kind, const BlockDevice& device) {
  std::string command(kind.command);
  if (const auto at = command.find('@'); at != std::string::npos)
    command.replace(at, 1, device.name);
  return {kind.name, std::move(command), !kind.is_remote};
}

}  // namespace

std::optional<Lasting> lasting(const BlockDevice& device) {
  // A partition goes with what it is a part of.
  if (!device.disk.empty()) return std::nullopt;
  for (const auto& kind : kinds) {
    if (!is_of(device, kind)) continue;
    if (kind.is_remote && !device.is_connected) return std::nullopt;
    return lasting_of(kind, device);
  }
  if (device.iscsi_session.empty()) return std::nullopt;
  return Lasting{"iscsi", "iscsiadm -m session -r " + device.iscsi_session + " -u", false};
}

std::string to_end_pool(std::string_view type) {
  return type == "zfs" ? "zpool export -a" : "umount";
}

}  // namespace dboot
