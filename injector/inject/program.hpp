#pragma once

#include <string>
#include <vector>

namespace dboot::inject {

/// What the target is to execute; `path` is resolved by the target, so absolute and in its mount
/// namespace. The argument list begins with argv[0].
struct Program {
  std::string path;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
};

}  // namespace dboot::inject
