#include "injector/archive/members.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "injector/document/json.hpp"

namespace dboot::image {

std::string member_name(const std::string& path) {
  // Guix begins names with a slash.
  const auto relative = path.substr(std::min(path.find_first_not_of('/'), path.size()));
  const std::string normal = std::filesystem::path(relative).lexically_normal().string();
  std::string name = normal.ends_with('/') ? normal.substr(0, normal.size() - 1) : normal;
  if (name == "." || name == ".." || name.starts_with("../")) return {};
  return name;
}

bool Members::is_new(const std::string& name) {
  if (files_.contains(name) || links_.contains(name)) {
    files_[name].unusable = "there are two members of the name " + name;
    return false;
  }
  if (files_.size() + links_.size() >= most)
    throw BadDocument("it has more than " + std::to_string(most) + " members");
  return true;
}

void Members::add_file(const std::string& name, Member member) {
  if (!name.empty() && is_new(name)) files_.emplace(name, std::move(member));
}

void Members::add_symlink(const std::string& name, const std::string& target) {
  add_hardlink(name, (std::filesystem::path(name).parent_path() / target).string());
}

void Members::add_hardlink(const std::string& name, const std::string& target) {
  if (!name.empty() && is_new(name)) links_.emplace(name, member_name(target));
}

const Member* Members::find(const std::string& name) const {
  constexpr int longest_chain = 8;
  std::string wanted = member_name(name);
  for (int step = 0; step < longest_chain; ++step) {
    if (const auto file = files_.find(wanted); file != files_.end()) return &file->second;
    const auto link = links_.find(wanted);
    if (link == links_.end()) return nullptr;
    wanted = link->second;
  }
  return nullptr;
}

}  // namespace dboot::image
