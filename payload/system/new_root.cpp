#include "payload/system/new_root.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <system_error>

#include "shared/plan/layout.hpp"
#include "shared/system/detached_mount.hpp"
#include "shared/system/read_only.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

constexpr unsigned no_devices = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
constexpr unsigned no_programs = no_devices | MOUNT_ATTR_NOEXEC;

void make_directory(int parent, const char* name, mode_t mode) {
  if (::mkdirat(parent, name, mode) != 0 && errno != EEXIST) sys::fail(errno, {"mkdir ", name});
}

/// No link is followed: /run of an image may lead to its /proc.
UniqueFd mount_point(const UniqueFd& root, const char* name) {
  make_directory(root.get(), name, 0755);
  constexpr int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  return UniqueFd(
      sys::check(::openat(root.get(), name, flags), "mount on /", name, " of the new root"));
}

void mount(const char* type, const UniqueFd& where, unsigned attributes,
           const detached_mount::Options& options = {}) {
  detached_mount::attach(detached_mount::make(type, attributes, options).get(), where.get());
}

/// For a directory of a filesystem that was mounted here.
void mount_below(const UniqueFd& parent, const char* name, const char* type, unsigned attributes,
                 const detached_mount::Options& options) {
  make_directory(parent.get(), name, 0755);
  mount(type, sys::open_at(parent.get(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW), attributes,
        options);
}

/// A mount, which is open as `mount`, with what is mounted in it.
void move(int mount, const UniqueFd& to, const char* shown) {
  constexpr unsigned by_descriptors = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  sys::check(::syscall(SYS_move_mount, mount, "", to.get(), "", by_descriptors), "move ", shown);
}

}  // namespace

void make_mounts_private(Log& log) {
  log.call("mount MS_PRIVATE", "/", [] {
    sys::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr),
               "make the mounts private");
  });
}

NewRoot::NewRoot(Log& log, const UniqueFd& directory, const DeviceNodes& devices,
                 Permissions permissions)
    : log_(log),
      directory_(directory),
      devices_(devices),
      on_machine_(permissions.allows(Action::mount_devtmpfs)),
      root_(sys::open_at(directory.get(), layout::root_name, O_PATH | O_DIRECTORY | O_NOFOLLOW)),
      proc_(mount_point(root_, "proc")),
      sys_(mount_point(root_, "sys")),
      dev_(mount_point(root_, "dev")),
      run_(mount_point(root_, "run")) {}

void NewRoot::pivot() const {
  const UniqueFd run = detached_mount::make("tmpfs", no_devices, {{"mode", "0755"}});
  make_directory(run.get(), ".old-root", 0700);
  log_.call("mount", "/run", [&] { detached_mount::attach(run.get(), run_.get()); });
  // pivot_root(2) takes no descriptors; "run" is the directory that has just been mounted on.
  sys::check(::fchdir(root_.get()), "chdir ", layout::root);
  log_.call("pivot_root", layout::root, [] {
    sys::check(::syscall(SYS_pivot_root, ".", "run/.old-root"), "pivot_root to ", layout::root);
  });
  sys::check(::chdir("/"), "chdir /");
}

/// For what a system can do without.
template <class Mounting>
void NewRoot::attempt(std::string_view about, Mounting mounting) const {
  try {
    log_.call("mount", about, mounting);
  } catch (const std::system_error& error) {
    log_.warning("not mounted", {{"reason", error.what()}});
  }
}

void NewRoot::mount_of_machine() const {
  log_.call("mount", "/proc", [&] { mount("proc", proc_, no_programs); });
  attempt("/sys", [&] { mount("sysfs", sys_, no_programs); });
  log_.call("mount", "/dev", [&] { detached_mount::attach(devices_.mount(), dev_.get()); });
  const UniqueFd dev = sys::open("/dev", O_PATH | O_DIRECTORY);
  attempt("/dev/pts", [&] {
    mount_below(dev, "pts", "devpts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                {{"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}});
  });
  attempt("/dev/shm", [&] { mount_below(dev, "shm", "tmpfs", no_devices, {{"mode", "1777"}}); });
}

void NewRoot::mount_of_namespace() const {
  log_.call("mount", "/proc", [&] { mount("proc", proc_, no_programs); });
  // First of all that may fail, for the reason is shown on a terminal in it.
  attempt("/dev", [&] { move(devices_.mount(), dev_, "/dev"); });
  // Whoever is root in there must not reach the machine by them.
  for (const char* path : read_only::machine_files)
    log_.call("mount", std::string(path) + " read-only", [&] { read_only::cover(path); });
  log_.call("mount", "/sys read-only", [&] {
    mount("sysfs", sys_, no_programs);
    read_only::remount("/sys");
  });
}

void NewRoot::mount_all() const {
  if (on_machine_) {
    mount_of_machine();
  } else {
    mount_of_namespace();
  }
  const UniqueFd run = sys::open("/run", O_PATH | O_DIRECTORY);
  make_directory(run.get(), "dboot", 0755);
  log_.call("move_mount", layout::directory, [&] {
    move(directory_.get(), sys::open_at(run.get(), "dboot", O_PATH | O_DIRECTORY | O_NOFOLLOW),
         layout::directory);
  });
}

}  // namespace dboot
