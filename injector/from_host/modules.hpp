#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// The kernel's modules, as kmod's depmod(8) lists them.
namespace dboot::rootfs::modules {

/// What a module is called in /proc/modules and in dependencies: the file's name without directory
/// and extensions, with underscores for dashes.
std::string name_of(std::string_view file);

/// The names in /proc/modules (proc(5)), in its order.
std::vector<std::string> parse_loaded(std::string_view proc_modules);

/// modules.dep: files, relative to the directory that it is in, and the files that they need.
class Dependencies {
 public:
  explicit Dependencies(std::string_view modules_dep);

  /// The files of these modules and of all that they need. Names that have none, because they are
  /// built in or were loaded from elsewhere, are passed over.
  std::set<std::string> files_for(const std::vector<std::string>& names) const;

  /// The lines about these files alone.
  std::string filtered(const std::set<std::string>& files) const;

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> entries_;
  std::map<std::string, std::size_t> by_name_;
};

/// True when something in the root loads modules, on its own or when it is told to: udev, or kmod's
/// modprobe. Busybox's does not count: it has everything, wanted or not.
bool are_used_by(int root_fd);

/// True when kmod's own program is in the root; udev does without.
bool has_kmod(int root_fd);

}  // namespace dboot::rootfs::modules
