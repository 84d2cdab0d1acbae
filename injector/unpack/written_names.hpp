#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_set>

namespace dboot::rootfs {

/// The names that the current layer has written: whiteouts of the same layer spare them. A name is
/// known by its directory's inode, because several paths may lead there; 8 bytes are kept of each.
class WrittenNames {
 public:
  void add(ino_t directory, std::string_view name) { hashes_.insert(hash(directory, name)); }
  bool contains(ino_t directory, std::string_view name) const {
    return hashes_.contains(hash(directory, name));
  }
  void clear() { hashes_.clear(); }

 private:
  static std::uint64_t hash(ino_t directory, std::string_view name) {
    return std::hash<std::string_view>()(name) ^ directory * 0x9e3779b97f4a7c15U;
  }

  std::unordered_set<std::uint64_t> hashes_;
};

}  // namespace dboot::rootfs
