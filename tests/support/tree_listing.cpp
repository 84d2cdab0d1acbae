#include "tests/support/tree_listing.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <array>
#include <functional>
#include <set>
#include <sstream>
#include <vector>

#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

namespace fs = std::filesystem;

std::string hex(const std::string& bytes) {
  std::ostringstream text;
  for (const char byte : bytes) {
    text << std::hex << (static_cast<unsigned>(byte) & 0xffU) << '.';
  }
  return text.str();
}

std::string xattrs_of(const std::string& path) {
  std::vector<char> names(65536);
  const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
  std::set<std::string> sorted;
  for (ssize_t begin = 0; begin < size;) {
    const std::string name = names.data() + begin;
    begin += static_cast<ssize_t>(name.size()) + 1;
    if (name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.")) continue;
    std::vector<char> value(65536);
    const ssize_t length = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    sorted.insert(
        name + "=" +
        hex(std::string(value.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0)))));
  }
  std::string text;
  for (const auto& xattr : sorted) text += " " + xattr;
  return text;
}

std::string describe(const std::string& path, const struct stat& status) {
  std::ostringstream text;
  text << std::oct << status.st_mode << std::dec << ' ' << status.st_uid << ':' << status.st_gid
       << " mtime=" << status.st_mtim.tv_sec << '.' << status.st_mtim.tv_nsec;
  if (S_ISREG(status.st_mode)) {
    text << " size=" << status.st_size
         << " content=" << std::hash<std::string>()(sys::read_file(path));
  }
  if (S_ISLNK(status.st_mode)) text << " to=" << fs::read_symlink(path).string();
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
    text << " device=" << major(status.st_rdev) << ':' << minor(status.st_rdev);
  }
  text << xattrs_of(path);
  return text.str();
}

}  // namespace

TreeListing list_tree(const fs::path& directory) {
  TreeListing listing;
  std::map<std::pair<dev_t, ino_t>, std::set<std::string>> names;
  const auto add = [&](const fs::path& path) {
    struct stat status {};
    sys::check(::lstat(path.c_str(), &status), "stat ", path.native());
    std::string name = path.string().substr(directory.string().size());
    listing[name] = describe(path.string(), status);
    if (!S_ISDIR(status.st_mode)) names[{status.st_dev, status.st_ino}].insert(name);
  };
  add(directory);
  for (const auto& entry : fs::recursive_directory_iterator(directory)) add(entry.path());
  for (const auto& [inode, same] : names) {
    if (same.size() < 2) continue;
    for (const auto& name : same) listing[name] += " first=" + *same.begin();
  }
  return listing;
}

std::string differences(const TreeListing& expected, const TreeListing& actual) {
  std::string text;
  for (const auto& [name, entry] : expected) {
    const auto found = actual.find(name);
    if (found == actual.end()) {
      text += "missing: " + name + "\n";
    } else if (found->second != entry) {
      text += "differs: " + name + "\n  expected " + entry + "\n  actual   " + found->second + "\n";
    }
  }
  for (const auto& [name, entry] : actual) {
    if (!expected.contains(name)) text += "unexpected: " + name + ": " + entry + "\n";
  }
  return text;
}

}  // namespace dboot
