#include "shared/proc/namespace.hpp"

#include <sys/stat.h>

#include <array>
#include <exception>
#include <string_view>
#include <utility>

namespace dboot {
namespace {

bool is_initial(const std::optional<NamespaceId>& own, const std::string& kind) noexcept {
  static constexpr std::array<std::pair<std::string_view, ino_t>, 5> initial{{
      {"ipc", 0xEFFFFFFF},
      {"uts", 0xEFFFFFFE},
      {"user", 0xEFFFFFFD},
      {"pid", 0xEFFFFFFC},
      {"cgroup", 0xEFFFFFFB},
  }};
  for (const auto& [name, inode] : initial) {
    if (name == kind) return own && own->inode == inode;
  }
  return false;
}

}  // namespace

std::optional<NamespaceId> namespace_of(const std::string& process,
                                        const std::string& kind) noexcept {
  try {
    struct stat status {};
    if (::stat(("/proc/" + process + "/ns/" + kind).c_str(), &status) != 0) return std::nullopt;
    return NamespaceId{status.st_dev, status.st_ino};
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::optional<NamespaceId> namespace_of(int process_directory, const std::string& kind) noexcept {
  try {
    struct stat status {};
    if (::fstatat(process_directory, ("ns/" + kind).c_str(), &status, 0) != 0) return std::nullopt;
    return NamespaceId{status.st_dev, status.st_ino};
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

bool in_initial_namespace(const std::string& kind) noexcept {
  return is_initial(namespace_of("self", kind), kind);
}

bool in_initial_namespace(int process_directory, const std::string& kind) noexcept {
  return is_initial(namespace_of(process_directory, kind), kind);
}

}  // namespace dboot
