#pragma once

#include <cstddef>
#include <string>

#include "shared/unique_fd.hpp"

namespace dboot::image {

/// The path of the socket that `host` names: "unix:///path", "/path", or empty for the default.
/// Throws Failure for anything else (tcp://, ssh://).
std::string engine_socket_path(const std::string& host);

/// A connection to a container engine on its unix socket. An engine that stays silent for a minute
/// counts as dead.
class EngineSocket {
 public:
  /// Whether Ctrl-C ends the waiting (interruption::check).
  enum class Waiting : bool { interruptible, to_the_end };

  /// Throws Failure when nobody listens.
  EngineSocket(const std::string& path, Waiting waiting);

  /// Up to `size` bytes; 0 when the engine has closed the connection. Throws Failure.
  std::size_t read(void* buffer, std::size_t size);
  /// At least one of `size` bytes. Throws Failure.
  std::size_t write(const void* data, std::size_t size);

 private:
  void wait(short events);

  std::string path_;
  Waiting waiting_;
  UniqueFd fd_;
};

}  // namespace dboot::image
