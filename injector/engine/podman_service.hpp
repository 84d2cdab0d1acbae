#pragma once

#include <sys/types.h>

#include <string>

#include "shared/system/unique_fd.hpp"

namespace dboot::image {

/// `podman system service`, the one program that is started to read an image, for as long as this
/// lives; it ends with this process, however that ends. Its socket lies in a tmpfs that is mounted
/// nowhere: nobody else can reach it, and nothing of it is left behind.
class PodmanService {
 public:
  /// Throws Failure when there is no podman, and std::system_error.
  PodmanService();
  ~PodmanService();
  PodmanService(const PodmanService&) = delete;
  PodmanService& operator=(const PodmanService&) = delete;

  /// Of this process alone.
  std::string socket_path() const;

  /// The last line that it has written; for messages when it does not answer.
  std::string last_words() const;

 private:
  UniqueFd directory_;
  UniqueFd output_;
  UniqueFd process_;
  pid_t pid_ = -1;
};

}  // namespace dboot::image
