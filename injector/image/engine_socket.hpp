#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string>

#include "shared/unique_fd.hpp"

namespace dboot::image {

/// The path of the socket that `host` names: "unix:///path", "/path", or empty for the default.
/// Throws Failure for anything else (tcp://, ssh://).
std::string engine_socket_path(const std::string& host);

/// A connection to a container engine on its unix socket.
class EngineSocket {
 public:
  /// Whether Ctrl-C ends the waiting (interruption::check).
  enum class Waiting : bool { interruptible, to_the_end };

  /// An engine that listens and says nothing for so long counts as dead. What it does meanwhile is
  /// small, or comes as a stream; whatever takes longer needs its own measure.
  static constexpr std::chrono::milliseconds usual_patience{60'000};

  /// Throws Failure when nobody listens.
  EngineSocket(const std::string& path, Waiting waiting,
               std::chrono::milliseconds patience = usual_patience);

  /// The process that listens (unix(7), SO_PEERCRED); 0 when it is in another PID namespace.
  pid_t peer() const noexcept;

  /// Whether read() would return at once.
  bool is_readable() const noexcept;
  /// Up to `size` bytes; 0 when the engine has closed the connection. Throws Failure.
  std::size_t read(void* buffer, std::size_t size);
  /// At least one of `size` bytes. Throws Failure.
  std::size_t write(const void* data, std::size_t size);

 private:
  void wait(short events);

  std::string path_;
  Waiting waiting_;
  std::chrono::milliseconds patience_;
  UniqueFd fd_;
};

}  // namespace dboot::image
