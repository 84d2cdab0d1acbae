#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string>

#include "injector/clean_up_deadline.hpp"
#include "injector/failure.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::image {

/// The path of the socket that `host` names: "unix:///path", "/path", or empty for the default.
/// Throws Failure for anything else (tcp://, ssh://).
std::string engine_socket_path(const std::string& host);

/// The same for the Docker engine: where `host` is empty, DOCKER_HOST in the environment names the
/// socket, as for docker (https://docs.docker.com/reference/cli/docker/#environment-variables).
/// Throws Failure where that is anything but "unix:///path".
std::string docker_socket_path(const std::string& host);

/// Nobody listens at the socket.
class EngineNotRunning : public Failure {
  using Failure::Failure;
};

/// A connection to a container engine on its unix socket.
class EngineSocket {
 public:
  /// An engine that listens and says nothing for so long counts as dead. What it does meanwhile is
  /// small, or comes as a stream; whatever takes longer needs its own measure.
  static constexpr std::chrono::milliseconds usual_patience{60'000};

  /// Everything waits until Ctrl-C (interruption::check), or for `patience`. Throws
  /// EngineNotRunning, and Failure when the engine takes no connection.
  explicit EngineSocket(const std::string& path,
                        std::chrono::milliseconds patience = usual_patience);
  /// Everything waits until `deadline`, which must outlive this. Throws as above.
  EngineSocket(const std::string& path, CleanUpDeadline& deadline);

  /// The process that listens (unix(7), SO_PEERCRED); 0 when it is in another PID namespace.
  pid_t peer() const noexcept;

  /// Whether read() would return at once.
  bool is_readable() const noexcept;
  /// Up to `size` bytes; 0 when the engine has closed the connection. Throws Failure.
  std::size_t read(void* buffer, std::size_t size);
  /// At least one of `size` bytes. Throws Failure.
  std::size_t write(const void* data, std::size_t size);

 private:
  using Clock = std::chrono::steady_clock;

  EngineSocket(std::string path, std::chrono::milliseconds patience, CleanUpDeadline* deadline);
  void connect();
  void check() const;
  void wait(short events);

  std::string path_;
  std::chrono::milliseconds patience_;
  CleanUpDeadline* deadline_;  ///< of cleaning up; null before
  UniqueFd fd_;
};

}  // namespace dboot::image
