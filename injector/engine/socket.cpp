#include "injector/engine/socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include "injector/interruption.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::image {
namespace {

constexpr const char* default_path = "/var/run/docker.sock";
constexpr std::string_view scheme = "unix://";
// A signal that comes right before poll(2) or connect(2) does not interrupt it: look at the flag
// now and then.
constexpr std::chrono::milliseconds slice{250};

[[noreturn]] void not_running(const std::string& path, int error) {
  throw EngineNotRunning(
      "the container engine does not answer at " + path + ": " +
          std::generic_category().message(error),
      "start it (systemctl start docker), or name its socket with --host; podman:NAME is an "
      "image of Podman, ./NAME a file");
}

[[noreturn]] void overrun(const std::string& path, std::chrono::milliseconds patience) {
  throw Failure("the container engine at " + path + " has taken no connection for " +
                    std::to_string(patience.count() / 1000) + " s",
                "it hangs: look into its log, and restart it");
}

[[noreturn]] void lost(const std::string& path, const std::string& why) {
  throw Failure("the connection to the container engine at " + path + " broke: " + why,
                "look into the engine's log, and try again");
}

}  // namespace

std::string engine_socket_path(const std::string& host) {
  if (host.empty()) return default_path;
  std::string path = host.starts_with(scheme) ? host.substr(scheme.size()) : host;
  if (path.starts_with('/')) return path;
  throw Failure("--host " + host + " is no unix socket", "name one as unix:///path");
}

std::string docker_socket_path(const std::string& host) {
  const char* variable = ::getenv("DOCKER_HOST");
  if (!host.empty() || variable == nullptr || *variable == '\0') return engine_socket_path(host);
  const std::string named = variable;
  if (named.starts_with(scheme) && named.substr(scheme.size()).starts_with('/'))
    return engine_socket_path(named);
  throw Failure("DOCKER_HOST is " + named + ", and only unix sockets are supported",
                "unset DOCKER_HOST, or name a socket with --host unix:///path");
}

EngineSocket::EngineSocket(const std::string& path, std::chrono::milliseconds patience)
    : EngineSocket(path, patience, nullptr) {}

EngineSocket::EngineSocket(const std::string& path, CleanUpDeadline& deadline)
    : EngineSocket(path, usual_patience, &deadline) {}

EngineSocket::EngineSocket(std::string path, std::chrono::milliseconds patience,
                           CleanUpDeadline* deadline)
    : path_(std::move(path)), patience_(patience), deadline_(deadline) {
  fd_.reset(sys::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "create a socket"));
  connect();
}

/// An engine that hangs takes no connections, and its backlog gets full: then connect(2) waits for
/// SO_SNDTIMEO and fails with EAGAIN (unix(7), socket(7)).
void EngineSocket::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) not_running(path_, ENAMETOOLONG);
  std::memcpy(address.sun_path, path_.data(), path_.size());
  const timeval timeout{0, std::chrono::microseconds(slice).count()};
  sys::check(::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout),
             "set a socket's timeout");
  const auto begin = Clock::now();
  for (;;) {
    check();
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      return;
    if (errno != EINTR && errno != EAGAIN) not_running(path_, errno);
    // What a request may take says nothing about taking it.
    const auto patience = std::min(patience_, usual_patience);
    if (deadline_ == nullptr && Clock::now() - begin >= patience) overrun(path_, patience);
  }
}

void EngineSocket::check() const {
  if (deadline_ != nullptr) {
    deadline_->check();
  } else {
    interruption::check();
  }
}

pid_t EngineSocket::peer() const noexcept {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return 0;
  return credentials.pid;
}

void EngineSocket::wait(short events) {
  const auto begin = Clock::now();
  for (;;) {
    check();
    pollfd poll{fd_.get(), events, 0};
    const int count = ::poll(&poll, 1, static_cast<int>(std::min(slice, patience_).count()));
    if (count > 0) return;
    if (count < 0 && errno != EINTR) sys::fail(errno, {"poll ", path_});
    if (deadline_ == nullptr && Clock::now() - begin >= patience_) {
      lost(path_, "it has been silent for " + std::to_string(patience_.count() / 1000) + " s");
    }
  }
}

bool EngineSocket::is_readable() const noexcept {
  pollfd poll{fd_.get(), POLLIN, 0};
  return ::poll(&poll, 1, 0) > 0;
}

std::size_t EngineSocket::read(void* buffer, std::size_t size) {
  for (;;) {
    check();
    const ssize_t count = ::recv(fd_.get(), buffer, size, MSG_DONTWAIT);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR && errno != EAGAIN) lost(path_, std::generic_category().message(errno));
    wait(POLLIN);
  }
}

std::size_t EngineSocket::write(const void* data, std::size_t size) {
  for (;;) {
    wait(POLLOUT);
    const ssize_t count = ::send(fd_.get(), data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR && errno != EAGAIN) lost(path_, std::generic_category().message(errno));
  }
}

}  // namespace dboot::image
