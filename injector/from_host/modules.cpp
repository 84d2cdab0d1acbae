#include "injector/from_host/modules.hpp"

#include <algorithm>
#include <sstream>

#include "injector/unpack/beneath.hpp"

namespace dboot::rootfs::modules {
namespace {

std::string_view base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

std::string name_of(std::string_view file) {
  const auto base = base_name(file);
  std::string name(base.substr(0, base.find('.')));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::vector<std::string> parse_loaded(std::string_view proc_modules) {
  std::vector<std::string> names;
  std::istringstream lines{std::string(proc_modules)};
  for (std::string line; std::getline(lines, line);) {
    if (const auto end = line.find(' '); end != 0 && end != std::string::npos)
      names.push_back(line.substr(0, end));
  }
  return names;
}

Dependencies::Dependencies(std::string_view modules_dep) {
  std::istringstream lines{std::string(modules_dep)};
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos || colon == 0) continue;
    std::istringstream words(line.substr(colon + 1));
    std::vector<std::string> needed;
    for (std::string word; words >> word;) needed.push_back(word);
    by_name_.emplace(name_of(line.substr(0, colon)), entries_.size());
    entries_.emplace_back(line.substr(0, colon), std::move(needed));
  }
}

std::set<std::string> Dependencies::files_for(const std::vector<std::string>& names) const {
  std::set<std::string> files;
  // A line lists what a module needs to the last.
  for (const auto& name : names) {
    const auto found = by_name_.find(name_of(name));
    if (found == by_name_.end()) continue;
    const auto& [file, needed] = entries_.at(found->second);
    files.insert(file);
    files.insert(needed.begin(), needed.end());
  }
  return files;
}

std::string Dependencies::filtered(const std::set<std::string>& files) const {
  std::string text;
  for (const auto& [file, needed] : entries_) {
    if (!files.contains(file)) continue;
    text += file + ":";
    for (const auto& other : needed) text += " " + other;
    text += "\n";
  }
  return text;
}

bool are_used_by(int root_fd) {
  for (const char* udev : {"/lib/systemd/systemd-udevd", "/usr/lib/systemd/systemd-udevd",
                           "/sbin/udevd", "/usr/sbin/udevd"})
    if (canonical_beneath(root_fd, udev)) return true;
  for (const char* modprobe : {"/sbin/modprobe", "/usr/sbin/modprobe", "/usr/bin/modprobe"}) {
    const auto program = canonical_beneath(root_fd, modprobe);
    if (program && base_name(*program) == "kmod") return true;
  }
  return false;
}

bool has_kmod(int root_fd) {
  return canonical_beneath(root_fd, "/bin/kmod") || canonical_beneath(root_fd, "/usr/bin/kmod");
}

}  // namespace dboot::rootfs::modules
