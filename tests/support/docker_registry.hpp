#pragma once

#include <sys/types.h>

#include <string>

#include "shared/system/unique_fd.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {

/// A registry of the test's own on the loopback interface, where engines take it without TLS.
class DockerRegistry {
 public:
  /// Starts it and waits until it listens. Throws.
  DockerRegistry();
  ~DockerRegistry();
  DockerRegistry(const DockerRegistry&) = delete;
  DockerRegistry& operator=(const DockerRegistry&) = delete;

  static bool is_installed();

  /// "127.0.0.1:43210"
  const std::string& address() const noexcept { return address_; }

 private:
  TemporaryDirectory directory_;
  UniqueFd log_;
  pid_t pid_ = -1;
  std::string address_;
};

}  // namespace dboot
