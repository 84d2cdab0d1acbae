#include "injector/rehearsal/call_guard.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "shared/system/read_only.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// One instance for the whole machine, or what the machine has without a device file.
constexpr std::array<std::string_view, 17> machine_types{
    "devtmpfs",  "efivarfs", "pstore",  "debugfs", "tracefs", "securityfs",
    "selinuxfs", "configfs", "smackfs", "fusectl", "resctrl", "binfmt_misc",
    "virtiofs",  "9p",       "zfs",     "ubifs",   "jffs2"};

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

/// The one that a path leads to; by its name, for whoever walks the path may wait for a server.
const Mount* find(const MountTable& mounts, const std::string& path) {
  const auto found = std::find_if(mounts.rbegin(), mounts.rend(),
                                  [&](const Mount& mount) { return mount.mount_point == path; });
  return found == mounts.rend() ? nullptr : &*found;
}

/// What cannot be told counts as the host's.
bool is_of_host(const MountTable& mounts, const std::string& path, const std::vector<dev_t>& host) {
  const Mount* mount = find(mounts, path);
  return mount == nullptr || std::find(host.begin(), host.end(), mount->device) != host.end();
}

/// The kernel's files, as far as they are read-only in a rehearsal.
bool is_covered(const MountTable& mounts, const std::string& path) {
  const Mount* mount = find(mounts, path);
  return mount != nullptr && (mount->type == "proc" || mount->type == "sysfs") &&
         mount->options.starts_with("ro");
}

/// What mount(2) does, in the order in which the kernel looks at its flags.
enum class Change { of_filesystem, of_mount, other, none };
Change change_by(std::uint64_t flags) {
  if ((flags & MS_REMOUNT) != 0)
    return (flags & MS_BIND) != 0 ? Change::of_mount : Change::of_filesystem;
  constexpr std::uint64_t others =
      MS_BIND | MS_MOVE | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
  return (flags & others) != 0 ? Change::other : Change::none;
}

/// Programs of old give it a magic number, which the kernel takes off.
std::uint64_t without_magic(std::uint64_t flags) {
  constexpr std::uint64_t mask = 0xffff0000;
  return (flags & mask) == MS_MGC_VAL ? flags & ~mask : flags;
}

/// Of another process's memory; how many bytes there were.
std::size_t read_memory(pid_t pid, std::uint64_t address, void* to, std::size_t size) {
  const iovec here{to, size};
  const iovec there{reinterpret_cast<void*>(address), size};  // NOLINT: an address of that process
  const ssize_t count = ::process_vm_readv(pid, &here, 1, &there, 1, 0);
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

/// A C string of the caller's, cut at 4 KiB. Empty when it cannot be read.
std::optional<std::string> read_string(pid_t pid, std::uint64_t address) {
  constexpr std::size_t most = 4096;
  std::string text;
  while (address != 0 && text.size() < most) {
    // Never over the end of a page, behind which there may be nothing.
    std::array<char, 256> part{};
    const auto count = read_memory(pid, address, part.data(), part.size() - address % part.size());
    if (count == 0) return std::nullopt;
    const std::string_view got(part.data(), count);
    text += got.substr(0, got.find('\0'));
    if (got.find('\0') != std::string_view::npos) break;
    address += count;
  }
  return text;
}

/// Where a link below /proc/PID leads to, in the caller's words; empty when there is none.
std::string link_of(int process, const std::string& name) {
  std::array<char, 4096> target{};
  const ssize_t size = ::readlinkat(process, name.c_str(), target.data(), target.size());
  return {target.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

/// An absolute path without "." and "..", by its text: links are not followed, but those of /proc
/// that lead to a descriptor, a root or a working directory.
std::string absolute(int process, const std::string& path, int directory) {
  constexpr std::string_view self = "/proc/self/";
  if (path.starts_with(self)) {
    auto target = link_of(process, path.substr(self.size()));
    if (!target.empty()) return target;
  }
  const std::string base = directory == AT_FDCWD ? "cwd" : "fd/" + std::to_string(directory);
  auto normal =
      std::filesystem::path(path.starts_with('/') ? path : link_of(process, base) + '/' + path)
          .lexically_normal()
          .string();
  normal.erase(0, std::min(normal.find_first_not_of('/'), normal.size()));
  while (normal.ends_with('/')) normal.pop_back();
  return '/' + normal;
}

/// Empty when what it points to cannot be read, which the kernel could not either.
std::optional<MountCall> read_call(const seccomp_notif& notification, int process) {
  const auto pid = static_cast<pid_t>(notification.pid);
  const auto& arguments = notification.data.args;
  const auto text = [&](std::size_t number) { return read_string(pid, arguments[number]); };
  MountCall call;
  std::optional<std::string> path = "";
  std::optional<std::string> type = "";
  int directory = AT_FDCWD;
  switch (notification.data.nr) {
    case SYS_mount:
      call.flags = arguments[3];
      path = text(1);
      type = text(2);
      break;
    case SYS_umount2:
      call.kind = MountCall::Kind::unmount;
      call.flags = arguments[1];
      path = text(0);
      break;
    case SYS_mount_setattr: {
      call.kind = MountCall::Kind::set_attributes;
      mount_attr attributes{};
      if (read_memory(pid, arguments[3], &attributes, sizeof attributes) != sizeof attributes)
        return std::nullopt;
      call.flags = attributes.attr_clr;
      break;
    }
    case SYS_fsopen:
      call.kind = MountCall::Kind::open_type;
      type = text(0);
      break;
    default:
      call.kind = MountCall::Kind::reconfigure;
      directory = static_cast<int>(arguments[0]);
      path = text(1);
  }
  if (!path || !type) return std::nullopt;
  call.type = *type;
  call.path = absolute(process, *path, directory);
  return call;
}

/// None when it has ended.
MountTable mounts_of(int process) try {
  return parse_mount_table(sys::read_file_at(process, "mountinfo"));
} catch (const std::system_error&) {
  return {};
}

}  // namespace

std::string harm_of(const MountCall& call, const std::function<MountTable()>& read_mounts,
                    const std::vector<dev_t>& host) {
  using Kind = MountCall::Kind;
  const std::string machine = " of the whole machine";
  if (call.kind == Kind::unmount) {
    // Of a process's root directory the kernel makes it a remount (umount(2)).
    if ((call.flags & MNT_DETACH) == 0 && call.path == "/")
      return is_of_host(read_mounts(), "/", host) ? "unmounting / makes it read-only" + machine
                                                  : "";
    // A server is asked no more, and what waits for it fails: for the host, too.
    if ((call.flags & MNT_FORCE) != 0 && is_of_host(read_mounts(), call.path, host))
      return "to unmount " + call.path + " by force ends requests" + machine;
    return contains(read_only::machine_files, call.path) ? call.path + " is" + machine : "";
  }
  if (call.kind == Kind::set_attributes)
    return (call.flags & MOUNT_ATTR_RDONLY) == 0 ? "" : "what becomes writable may be" + machine;
  const auto change =
      call.kind == Kind::mount ? change_by(without_magic(call.flags)) : Change::none;
  if (call.kind == Kind::reconfigure || change == Change::of_filesystem ||
      change == Change::of_mount) {
    const auto mounts = read_mounts();
    const bool opens = call.kind == Kind::reconfigure || (call.flags & MS_RDONLY) == 0;
    if (opens && is_covered(mounts, call.path)) return call.path + " is" + machine;
    // What --keep has brought in there.
    if (opens && change == Change::of_mount && is_of_host(mounts, call.path, host))
      return "what is on " + call.path + " may be" + machine;
    return change != Change::of_mount && is_of_host(mounts, call.path, host)
               ? "a remount of " + call.path + " may be one of a filesystem" + machine
               : "";
  }
  if (change == Change::other) return "";
  if (contains(machine_types, call.type)) return "what a " + call.type + " shows is" + machine;
  // The same again would not be read-only.
  if (call.kind == Kind::mount && (call.type == "proc" || call.type == "sysfs")) {
    const auto mounts = read_mounts();
    const Mount* there = find(mounts, call.path);
    if (there != nullptr && there->type == call.type) return call.path + " is there already";
  }
  return "";
}

CallGuard::CallGuard(UniqueFd listener, const MountTable& host)
    : listener_(std::move(listener)), proc_(sys::open("/proc", O_PATH | O_DIRECTORY)) {
  host_.reserve(host.size());
  for (const auto& mount : host) host_.push_back(mount.device);
}

std::string CallGuard::answer() {
  // Who waited may have been killed; then this would wait for the next one.
  pollfd waiting{listener_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, 0) != 1 || (waiting.revents & POLLIN) == 0) return "";
  seccomp_notif notification{};
  if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) return "";
  const UniqueFd process(::openat(proc_.get(), std::to_string(notification.pid).c_str(),
                                  O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto call = read_call(notification, process.get());
  std::string harm;
  if (call)
    harm = harm_of(
        *call, [&] { return mounts_of(process.get()); }, host_);
  seccomp_notif_resp response{};
  response.id = notification.id;
  if (!call) {
    response.error = -EFAULT;
  } else if (!harm.empty()) {
    response.error = -EPERM;
  } else {
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  }
  ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response);
  return harm;
}

}  // namespace dboot
