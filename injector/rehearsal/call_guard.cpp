#include "injector/rehearsal/call_guard.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// One instance for the whole machine, or the machine itself.
constexpr std::array<std::string_view, 11> machine_types{
    "devtmpfs",  "efivarfs", "pstore",      "debugfs", "tracefs", "securityfs",
    "selinuxfs", "configfs", "binfmt_misc", "smackfs", "fusectl"};

bool is_root(std::string_view path) {
  return !path.empty() &&
         std::all_of(path.begin(), path.end(), [](char c) { return c == '/' || c == '.'; }) &&
         path.front() == '/';
}

/// The one that a path leads to; by its name, for whoever walks the path may wait for a server.
const Mount* find(const MountTable& mounts, const std::string& path) {
  const auto found = std::find_if(mounts.rbegin(), mounts.rend(),
                                  [&](const Mount& mount) { return mount.mount_point == path; });
  return found == mounts.rend() ? nullptr : &*found;
}

bool is_of_host(const MountTable& mounts, const std::string& path, const std::vector<dev_t>& host) {
  const Mount* mount = find(mounts, path);
  return mount == nullptr || std::find(host.begin(), host.end(), mount->device) != host.end();
}

/// A C string of the caller's, cut at `most`.
std::string read_string(pid_t pid, std::uint64_t address) {
  constexpr std::size_t most = 4096;
  std::string text;
  while (address != 0 && text.size() < most) {
    // Never over the end of a page, behind which there may be nothing.
    std::array<char, 256> part{};
    const std::size_t size = part.size() - address % part.size();
    const iovec here{part.data(), size};
    iovec there{reinterpret_cast<void*>(address), size};  // NOLINT: an address of the other process
    const ssize_t count = ::process_vm_readv(pid, &here, 1, &there, 1, 0);
    if (count <= 0) break;
    const std::string_view got(part.data(), static_cast<std::size_t>(count));
    text += got.substr(0, got.find('\0'));
    if (got.find('\0') != std::string_view::npos) break;
    address += static_cast<std::uint64_t>(count);
  }
  return text;
}

MountCall read_call(const seccomp_notif& notification) {
  const auto pid = static_cast<pid_t>(notification.pid);
  const auto& arguments = notification.data.args;
  const auto text = [&](std::size_t number) { return read_string(pid, arguments[number]); };
  switch (notification.data.nr) {
    case SYS_mount:
      return {MountCall::Kind::mount, text(2), text(1), arguments[3]};
    case SYS_umount2:
      return {MountCall::Kind::unmount, "", text(0), arguments[1]};
    case SYS_fsopen:
      return {MountCall::Kind::open_type, text(0), "", 0};
    default:
      return {MountCall::Kind::reconfigure, "", text(1), 0};
  }
}

/// None when it has ended.
MountTable mounts_of(int proc, const std::string& pid) try {
  return parse_mount_table(sys::read_file_at(proc, pid + "/mountinfo"));
} catch (const std::system_error&) {
  return {};
}

}  // namespace

std::string harm_of(const MountCall& call, const MountTable& mounts,
                    const std::vector<dev_t>& host) {
  using Kind = MountCall::Kind;
  const auto is_change = (call.flags & (MS_REMOUNT | MS_BIND)) == MS_REMOUNT;
  if (call.kind == Kind::reconfigure || (call.kind == Kind::mount && is_change)) {
    return is_of_host(mounts, call.path, host)
               ? "it would remount the filesystem on " + call.path + " for the whole machine"
               : "";
  }
  if (call.kind == Kind::unmount) {
    // Of a process's root directory the kernel makes it a remount (umount(2)).
    const bool harmful =
        (call.flags & MNT_DETACH) == 0 && is_root(call.path) && is_of_host(mounts, "/", host);
    return harmful ? "it would make the filesystem on / read-only for the whole machine" : "";
  }
  const bool is_new =
      call.kind == Kind::open_type || (call.flags & (MS_BIND | MS_MOVE | MS_REMOUNT | MS_SHARED |
                                                     MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)) == 0;
  const bool harmful = is_new && std::find(machine_types.begin(), machine_types.end(), call.type) !=
                                     machine_types.end();
  return harmful ? "a " + call.type + " is the machine's" : "";
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
  const auto pid = std::to_string(notification.pid);
  auto harm = harm_of(read_call(notification), mounts_of(proc_.get(), pid), host_);
  seccomp_notif_resp response{};
  response.id = notification.id;
  if (harm.empty()) {
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  } else {
    response.error = -EPERM;
  }
  ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response);
  return harm;
}

}  // namespace dboot
