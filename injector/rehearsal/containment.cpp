#include "injector/rehearsal/containment.hpp"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "shared/proc/mount_table.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::containment {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_AARCH64;
#endif

/// A remount with MS_BIND is one of the mount alone, and takes all flags anew.
unsigned long flags_of(const Mount& mount) {
  unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NODEV;
  for (const auto& [name, flag] :
       {std::pair{"nosuid", MS_NOSUID}, std::pair{"noexec", MS_NOEXEC},
        std::pair{"noatime", MS_NOATIME}, std::pair{"nodiratime", MS_NODIRATIME},
        std::pair{"relatime", MS_RELATIME}}) {
    if ((',' + mount.options + ',').find(',' + std::string(name) + ',') != std::string::npos)
      flags |= static_cast<unsigned long>(flag);
  }
  return flags;
}

/// Before Linux 5.12. A mount that another one hides is not reached, by nobody else either.
void shield_one_by_one() {
  for (const auto& mount : read_mount_table()) {
    const char* point = mount.mount_point.c_str();
    if (::mount(nullptr, point, nullptr, flags_of(mount), nullptr) != 0 && errno != EINVAL &&
        errno != ENOENT)
      sys::fail(errno, {"remount read-only ", point});
  }
}

void hide(const char* directory) {
  struct stat there {};
  if (::lstat(directory, &there) != 0 || !S_ISDIR(there.st_mode)) return;
  const std::string options = "mode=" + std::string(S_ISVTX & there.st_mode ? "1777" : "0755");
  sys::check(::mount("tmpfs", directory, "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()),
             "mount tmpfs on ", directory);
}

constexpr std::array dropped{CAP_MKNOD, CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_TIME};

constexpr std::array refused{SYS_swapon, SYS_swapoff, SYS_kexec_load, SYS_kexec_file_load,
                             SYS_syslog};
/// They need no more than a file of the filesystem, and that may be one that is read-only.
constexpr std::array<std::uint32_t, 3> refused_ioctls{
    FIFREEZE, FITRIM, 0x8004587d};  // FS_IOC_SHUTDOWN of ext4, xfs and f2fs: in no header
constexpr std::array asked{SYS_mount, SYS_umount2, SYS_fsopen, SYS_fspick, SYS_mount_setattr};

using Code = std::vector<sock_filter>;

void load(Code& code, std::size_t offset) {
  code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
}

void answer(Code& code, std::uint32_t action) {
  code.push_back(BPF_STMT(BPF_RET | BPF_K, action));
}

/// What has been loaded decides about the next instruction.
void when_equal(Code& code, long value) {
  code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(value), 0, 1));
}
void unless_equal(Code& code, long value) {
  code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(value), 1, 0));
}

Code program() {
  Code code;
  load(code, offsetof(seccomp_data, arch));
  unless_equal(code, architecture);
  answer(code, SECCOMP_RET_ALLOW);
  load(code, offsetof(seccomp_data, nr));
  for (const long number : refused) {
    when_equal(code, number);
    answer(code, SECCOMP_RET_ERRNO | EPERM);
  }
  for (const long number : asked) {
    when_equal(code, number);
    answer(code, SECCOMP_RET_USER_NOTIF);
  }
  // The kernel takes 32 bits of a request (ioctl(2)).
  code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 1 + 2 * refused_ioctls.size()));
  load(code, offsetof(seccomp_data, args[1]));
  for (const auto request : refused_ioctls) {
    when_equal(code, request);
    answer(code, SECCOMP_RET_ERRNO | EPERM);
  }
  answer(code, SECCOMP_RET_ALLOW);
  return code;
}

}  // namespace

void shield_mounts() {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV;
  if (::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attributes, sizeof attributes) != 0) {
    if (errno != ENOSYS) sys::fail(errno, {"make the mounts read-only"});
    shield_one_by_one();
  }
  for (const char* directory : {"/tmp", "/var/tmp", "/var/run"}) hide(directory);
}

void drop_capabilities() {
  for (const int capability : dropped)
    sys::check(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), "drop a capability");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  sys::check(::syscall(SYS_capget, &header, sets.data()), "capget");
  for (const int capability : dropped) {
    auto& set = sets.at(static_cast<std::size_t>(CAP_TO_INDEX(capability)));
    set.effective &= ~static_cast<std::uint32_t>(CAP_TO_MASK(capability));
    set.permitted &= ~static_cast<std::uint32_t>(CAP_TO_MASK(capability));
    set.inheritable &= ~static_cast<std::uint32_t>(CAP_TO_MASK(capability));
  }
  sys::check(::syscall(SYS_capset, &header, sets.data()), "capset");
}

UniqueFd filter_calls() {
  auto code = program();
  const sock_fprog filter{static_cast<unsigned short>(code.size()), code.data()};
  const auto install = [&](unsigned flags) {
    return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                      SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, &filter));
  };
  // Who waits for an answer is not interrupted by signals, as by no mount(2) of a machine.
  int listener = install(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
  if (listener < 0 && errno == EINVAL) listener = install(0);  // before Linux 5.19
  return UniqueFd(sys::check(listener, "filter the system calls"));
}

}  // namespace dboot::containment
