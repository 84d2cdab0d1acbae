#include "shared/system/directory.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <memory>

#include "shared/system/syscalls.hpp"

namespace dboot {

std::vector<DirectoryEntry> entries_of(int directory, std::string_view shown) {
  // A descriptor of its own: closedir(3) closes it, and it has a position of its own.
  UniqueFd own(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(own ? ::fdopendir(own.get()) : nullptr,
                                                   &::closedir);
  if (!stream) sys::fail(errno, {"list directory ", shown});
  own.release();
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") entries.push_back({std::string(name), entry->d_type});
  }
  if (errno != 0) sys::fail(errno, {"list directory ", shown});
  return entries;
}

}  // namespace dboot
