#include "tests/fuzz/support/scratch.hpp"

#include <fcntl.h>
#include <sys/mount.h>

#include "shared/system/syscalls.hpp"
#include "tests/fuzz/support/confinement.hpp"
#include "tests/fuzz/support/input.hpp"

namespace dboot::fuzz {
namespace {

UniqueFd new_tmpfs() {
  const UniqueFd context(sys::check(::fsopen("tmpfs", FSOPEN_CLOEXEC), "fsopen"));
  for (const auto& [key, value] : {std::pair{"size", "32m"}, {"nr_inodes", "4096"}}) {
    sys::check(::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value, 0), "fsconfig ", key);
  }
  sys::check(::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "make a tmpfs");
  // Without relatime a second read within a day would not be seen.
  return UniqueFd(sys::check(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_STRICTATIME),
                             "mount a tmpfs"));
}

bool is_same(const struct stat& a, const struct stat& b) {
  const auto same = [](const timespec& one, const timespec& other) {
    return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
  };
  return a.st_ino == b.st_ino && a.st_mode == b.st_mode && a.st_nlink == b.st_nlink &&
         a.st_uid == b.st_uid && a.st_gid == b.st_gid && a.st_size == b.st_size &&
         same(a.st_mtim, b.st_mtim) && same(a.st_ctim, b.st_ctim) && same(a.st_atim, b.st_atim);
}

}  // namespace

Scratch::Scratch() {
  static const bool confined = confine();
  if (confined) {
    base_ = new_tmpfs();
  } else {
    directory_ = std::make_unique<TemporaryDirectory>();
    base_ = sys::open(directory_->path().string(), O_RDONLY | O_DIRECTORY);
  }
  for (const char* name : {"root", "outside"}) {
    sys::check(::mkdirat(base_.get(), name, 0755), "mkdir ", name);
  }
  root_ = sys::open_at(base_.get(), "root", O_PATH | O_DIRECTORY);
  sys::write_all(sys::open_at(base_.get(), "outside/secret", O_WRONLY | O_CREAT, 0644).get(),
                 "secret");
  sys::check(::mkdirat(base_.get(), "outside/directory", 0755), "mkdir");
  before_ = state();
}

/// The directory that holds the root is watched for names that are added to it.
Scratch::State Scratch::state() const {
  State result{};
  std::size_t index = 0;
  for (const char* name : {".", "outside", "outside/secret", "outside/directory"}) {
    sys::check(::fstatat(base_.get(), name, &result.at(index++), AT_SYMLINK_NOFOLLOW), "stat ",
               name);
  }
  return result;
}

void Scratch::check_outside() const {
  const State now = state();
  for (std::size_t index = 0; index < watched; ++index) {
    require(is_same(before_.at(index), now.at(index)));
  }
}

}  // namespace dboot::fuzz
