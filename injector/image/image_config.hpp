#pragma once

#include <string>
#include <vector>

namespace dboot {

/// What an image says about the process that it is started with, in the words of the OCI image
/// specification ("config.md"). Everything is empty for an image that is only a root filesystem.
struct ImageConfig {
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::string> env;   ///< NAME=value
  std::string working_directory;  ///< absolute, or empty: "/"
  std::string user;
  std::string stop_signal;   ///< a name or a number; empty: SIGTERM
  std::string architecture;  ///< as Go names it: amd64, arm64, …
  std::string os;

  bool operator==(const ImageConfig&) const = default;
};

}  // namespace dboot
