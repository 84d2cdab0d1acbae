#include "injector/unpack/directory_content.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "injector/interruption.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs::directory_content {
namespace {

/// Calls `visit(directory, name, status)` for everything below the directory, what is in a
/// directory before itself. A mount is passed over with what is in it.
template <class Visit>
void for_each(int parent, const std::string& name, Visit& visit) {
  interruption::check();
  const UniqueFd fd = sys::try_open_at2(parent, name, O_RDONLY | O_DIRECTORY, 0,
                                        RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
  if (!fd && errno == EXDEV) return;
  if (!fd) sys::fail(errno, {"open ", name});
  const int self = fd.get();
  for (const auto& entry : entries_of(self, name)) {
    const std::string& child = entry.name;
    struct stat status {};
    sys::check(::fstatat(self, child.c_str(), &status, AT_SYMLINK_NOFOLLOW), "stat ", child);
    if (S_ISDIR(status.st_mode)) for_each(self, child, visit);
    visit(self, child, status);
  }
}

}  // namespace

void clear(int root_fd) {
  auto remove = [](int directory, const std::string& name, const struct stat& status) {
    const int flags = S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0;
    sys::check(::unlinkat(directory, name.c_str(), flags), "remove ", name);
  };
  for_each(root_fd, ".", remove);
}

std::uint64_t memory_bytes(int directory) {
  constexpr std::uint64_t page = 4096;
  constexpr std::uint64_t block_unit = 512;  // of st_blocks, stat(3type)
  std::uint64_t bytes = 0;
  std::set<std::pair<dev_t, ino_t>> linked;
  auto add = [&](int, const std::string&, const struct stat& status) {
    if (!S_ISREG(status.st_mode)) return;
    if (status.st_nlink > 1 && !linked.emplace(status.st_dev, status.st_ino).second) return;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    const std::uint64_t pages = (size + page - 1) / page * page;
    const std::uint64_t stored = static_cast<std::uint64_t>(status.st_blocks) * block_unit;
    // Fewer blocks than bytes are compression, which does not help in memory, or holes, which do.
    // Few compressors get below a quarter.
    bytes += stored < pages / 4 ? stored : pages;
  };
  for_each(directory, ".", add);
  return bytes;
}

}  // namespace dboot::rootfs::directory_content
