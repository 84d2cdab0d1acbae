#include "payload/phases/api_mounts.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <system_error>

#include "shared/layout.hpp"
#include "shared/log.hpp"
#include "shared/syscalls.hpp"

namespace dboot::api_mounts {
namespace {

constexpr unsigned long no_programs = MS_NOSUID | MS_NODEV | MS_NOEXEC;

void make_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) sys::fail(errno, {"mkdir ", path});
}

void mount(const char* type, const char* where, unsigned long flags, const char* options = "") {
  make_directory(where, 0755);
  sys::check(::mount(type, where, type, flags, options), "mount ", type, " on ", where);
}

void move(const std::string& from, const char* to) {
  make_directory(to, 0755);
  sys::check(::mount(from.c_str(), to, nullptr, MS_MOVE, nullptr), "move ", from, " to ", to);
}

/// Of this mount alone: without MS_BIND the filesystem itself would become read-only, and with it
/// every other mount of it on the machine.
void make_read_only(const char* where, unsigned long flags) {
  sys::check(::mount(nullptr, where, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, nullptr),
             "make read-only ", where);
}

/// For what a system can do without.
template <class Mounting>
void attempt(Mounting mounting) {
  try {
    mounting();
  } catch (const std::system_error& error) {
    log::warning("not mounted", {{"reason", error.what()}});
  }
}

void mount_of_machine(const Devices& devices) {
  mount("proc", "/proc", no_programs);
  attempt([] { mount("sysfs", "/sys", no_programs); });
  make_directory("/dev", 0755);
  devices.attach("/dev");
  attempt(
      [] { mount("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "ptmxmode=0666,mode=0620,gid=5"); });
  attempt([] { mount("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"); });
}

void mount_of_namespace() {
  mount("proc", "/proc", no_programs);
  attempt([] {
    sys::check(::mount("/proc/sys", "/proc/sys", nullptr, MS_BIND, nullptr), "bind /proc/sys");
    make_read_only("/proc/sys", no_programs);
  });
  attempt([] {
    mount("sysfs", "/sys", no_programs);
    make_read_only("/sys", no_programs);
  });
  attempt([] { move(std::string(old_root) + "/dev", "/dev"); });
}

}  // namespace

void make_private() {
  sys::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr),
             "make the mounts private");
}

void pivot() {
  const std::string put_old = std::string(layout::root) + old_root;
  make_directory(put_old, 0700);
  sys::check(::syscall(SYS_pivot_root, layout::root, put_old.c_str()), "pivot_root to ",
             layout::root);
  sys::check(::chdir("/"), "chdir /");
}

void mount_all(const Devices& devices, Permissions permissions) {
  if (permissions.allows(Action::mount_devtmpfs)) {
    mount_of_machine(devices);
  } else {
    mount_of_namespace();
  }
  mount("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
  move(old_root + std::string(layout::directory), layout::directory);
}

}  // namespace dboot::api_mounts
