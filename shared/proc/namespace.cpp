#include "shared/proc/namespace.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <string_view>
#include <utility>

#include "shared/proc/fields.hpp"

namespace dboot {
namespace {

/// A link to it reads "pid:[4026531836]" (namespaces(7)): what stat(2) says too, should that fail.
std::optional<ino_t> inode_of(int directory, const std::string& path) noexcept {
  struct stat status {};
  if (::fstatat(directory, path.c_str(), &status, 0) == 0) return status.st_ino;
  std::array<char, 64> link{};
  const ssize_t size = ::readlinkat(directory, path.c_str(), link.data(), link.size());
  std::string_view text(link.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  const auto open = text.find('[');
  if (open == std::string_view::npos || !text.ends_with(']')) return std::nullopt;
  text.remove_suffix(1);
  return number_in<ino_t>(text.substr(open + 1));
}

bool is_initial(std::optional<ino_t> own, const std::string& kind) noexcept {
  static constexpr std::array<std::pair<std::string_view, ino_t>, 5> initial{{
      {"ipc", 0xEFFFFFFF},
      {"uts", 0xEFFFFFFE},
      {"user", 0xEFFFFFFD},
      {"pid", 0xEFFFFFFC},
      {"cgroup", 0xEFFFFFFB},
  }};
  for (const auto& [name, inode] : initial) {
    if (name == kind) return own == inode;
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
  return is_initial(inode_of(AT_FDCWD, "/proc/self/ns/" + kind), kind);
}

bool in_initial_namespace(int process_directory, const std::string& kind) noexcept {
  return is_initial(inode_of(process_directory, "ns/" + kind), kind);
}

}  // namespace dboot
