#include "injector/image/overrides.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace dboot {
namespace {

void set(std::vector<std::string>& environment, const std::string& variable) {
  const std::string name = variable.substr(0, variable.find('='));
  const auto has_name = [&](std::string_view other) {
    return other.substr(0, other.find('=')) == name;
  };
  std::string entry = variable;
  if (name == variable) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) {
      std::erase_if(environment, has_name);
      return;
    }
    entry.append("=").append(value);
  }
  const auto found = std::find_if(environment.begin(), environment.end(), has_name);
  if (found == environment.end()) {
    environment.push_back(std::move(entry));
  } else {
    *found = std::move(entry);
  }
}

}  // namespace

ImageConfig with_overrides(ImageConfig image, const ImageOverrides& overrides) {
  if (overrides.entrypoint) {
    image.entrypoint.clear();
    if (!overrides.entrypoint->empty()) image.entrypoint.push_back(*overrides.entrypoint);
    image.cmd.clear();
  }
  for (const auto& variable : overrides.environment) set(image.env, variable);
  if (!overrides.working_directory.empty()) image.working_directory = overrides.working_directory;
  return image;
}

}  // namespace dboot
