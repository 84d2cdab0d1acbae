#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "shared/system/unique_fd.hpp"

namespace dboot::hostile {

/// A tree that nobody has any business with: what happens to it is seen.
class Canary {
 public:
  explicit Canary(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept { return path_; }
  /// What has been done to it since it was made: its files' content, times, modes and links, and
  /// whatever inotify(7) saw, reading and opening among it. Empty for nothing.
  std::vector<std::string> disturbances() const;

 private:
  struct File {
    struct stat status;
    std::string content;
  };
  std::vector<std::string> events() const;

  std::filesystem::path path_;
  std::map<std::string, File> before_;
  UniqueFd inotify_;
  std::map<int, std::string> watches_;
};

}  // namespace dboot::hostile
