#include "injector/document/image_name.hpp"

#include <algorithm>
#include <string_view>

#include "shared/proc/fields.hpp"

namespace dboot::image {

std::string normal_name(std::string name) {
  for (const std::string_view prefix : {"docker.io/", "index.docker.io/", "library/"}) {
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  }
  const auto slash = name.rfind('/');
  const auto colon = name.rfind(':');
  const bool tagged = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  return tagged || name.find('@') != std::string::npos ? name : name + ":latest";
}

std::string list_of_some(const std::vector<std::string>& names) {
  constexpr std::size_t most = 10;
  if (names.empty()) return "nothing";
  if (names.size() <= most) return joined(names, ", ");
  const std::vector<std::string> some(names.begin(), names.begin() + most);
  return joined(some, ", ") + " and " + std::to_string(names.size() - most) + " more";
}

}  // namespace dboot::image
