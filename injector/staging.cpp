#include "injector/staging.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "injector/report.hpp"
#include "shared/plan/layout.hpp"
#include "shared/system/detached_mount.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

UniqueFd mount_directory() {
  return detached_mount::make("tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                              {{"source", "dboot"}, {"mode", "0700"}});
}

UniqueFd mount_root(std::uint64_t bytes, std::uint64_t entries, Staging::Devices devices) {
  const unsigned attributes = devices == Staging::Devices::usable ? 0 : MOUNT_ATTR_NODEV;
  detached_mount::Options options{{"source", "dboot-root"},
                                  {"mode", "0755"},
                                  {"size", std::to_string(bytes)},
                                  {"nr_inodes", std::to_string(entries)},
                                  {"huge", "within_size"}};
  try {
    return detached_mount::make("tmpfs", attributes, options);
  } catch (const std::system_error&) {
    // Kernels without transparent huge pages do not know the option.
    report::debug("the RAM root does without huge pages");
  }
  options.pop_back();
  return detached_mount::make("tmpfs", attributes, options);
}

UniqueFd create(int directory, const std::string& name, mode_t mode) {
  ::unlinkat(directory, name.c_str(), 0);
  UniqueFd fd = sys::open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  sys::check(::fchmod(fd.get(), mode), "chmod ", name);
  return fd;
}

void move_mount(int mount, int directory, const char* to, const char* shown) {
  sys::check(::move_mount(mount, "", directory, to, MOVE_MOUNT_F_EMPTY_PATH), "mount ", shown);
}

}  // namespace

Staging::Staging(std::uint64_t root_bytes, std::uint64_t root_entries, Devices devices)
    : directory_(mount_directory()), root_(mount_root(root_bytes, root_entries, devices)) {
  sys::check(::mkdirat(directory_.get(), layout::root_name, 0755), "mkdir ", layout::root);
}

std::uint64_t Staging::root_bytes() const {
  struct statvfs status {};
  sys::check(::fstatvfs(root_.get(), &status), "statvfs of the new root");
  return (status.f_blocks - status.f_bfree) * status.f_frsize;
}

void Staging::write_plan(std::span<const std::uint8_t> plan) const {
  const UniqueFd fd = create(directory_.get(), layout::plan_name, 0600);
  sys::write_all(fd.get(), {reinterpret_cast<const char*>(plan.data()), plan.size()});
}

UniqueFd Staging::make_record() const {
  constexpr int flags = O_RDWR | O_APPEND | O_CREAT | O_EXCL;
  return sys::open_at(directory_.get(), layout::payload_log_name, flags, 0600);
}

void Staging::copy_program(int source, const std::string& name) const {
  const UniqueFd fd = create(directory_.get(), name, 0700);
  off_t offset = 0;
  constexpr std::size_t most = 1 << 30;
  while (sys::check(::sendfile(fd.get(), source, &offset, most), "copy to ", layout::directory, "/",
                    name) > 0) {
  }
}

void Staging::arm() noexcept {
  struct stat there {};
  armed_ = true;
  directory_was_there_ = ::stat(layout::directory, &there) == 0;
}

void Staging::attach() const {
  try {
    if (::mkdir(layout::directory, 0700) != 0 && errno != EEXIST)
      sys::fail(errno, {"mkdir ", layout::directory});
    move_mount(directory_.get(), AT_FDCWD, layout::directory, layout::directory);
    move_mount(root_.get(), directory_.get(), layout::root_name, layout::root);
  } catch (...) {
    detach();
    throw;
  }
}

void Staging::detach() const noexcept {
  if (!armed_) return;
  // While this is open for writing nothing can execute the file, and while something executes it
  // this fails (ETXTBSY): so whoever is told to execute it either has done so or cannot any more.
  const UniqueFd interlock(::openat(directory_.get(), layout::payload_name, O_WRONLY | O_CLOEXEC));
  if (!interlock && errno == ETXTBSY) return;

  // Lazily, because our own descriptors keep both busy.
  if (is_attached(layout::root, root_.get())) ::umount2(layout::root, MNT_DETACH);
  if (is_attached(layout::directory, directory_.get())) ::umount2(layout::directory, MNT_DETACH);
  if (!directory_was_there_) ::rmdir(layout::directory);
}

bool Staging::is_attached(const char* path, int mount) const noexcept {
  struct stat there {};
  struct stat ours {};
  return ::stat(path, &there) == 0 && ::fstat(mount, &ours) == 0 && there.st_dev == ours.st_dev;
}

bool Staging::is_executed_by(int process_directory) const noexcept {
  struct stat executed {};
  struct stat ours {};
  return ::fstatat(process_directory, "exe", &executed, 0) == 0 &&
         ::fstatat(directory_.get(), layout::payload_name, &ours, 0) == 0 &&
         executed.st_dev == ours.st_dev && executed.st_ino == ours.st_ino;
}

}  // namespace dboot
