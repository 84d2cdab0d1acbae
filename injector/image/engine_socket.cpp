#include "injector/image/engine_socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <system_error>

#include "injector/failure.hpp"
#include "injector/interruption.hpp"
#include "shared/syscalls.hpp"

namespace dboot::image {
namespace {

constexpr const char* default_path = "/var/run/docker.sock";
// A signal that comes right before poll(2) does not interrupt it: look at the flag now and then.
constexpr int slice = 250;

[[noreturn]] void not_running(const std::string& path, int error) {
  throw Failure(
      "the container engine does not answer at " + path + ": " +
          std::generic_category().message(error),
      "start it (systemctl start docker), or name its socket with --host; podman:NAME is an "
      "image of Podman, ./NAME a file");
}

[[noreturn]] void lost(const std::string& path, const std::string& why) {
  throw Failure("the connection to the container engine at " + path + " broke: " + why,
                "look into the engine's log, and try again");
}

}  // namespace

std::string engine_socket_path(const std::string& host) {
  constexpr std::string_view scheme = "unix://";
  if (host.empty()) return default_path;
  std::string path = host.starts_with(scheme) ? host.substr(scheme.size()) : host;
  if (path.starts_with('/')) return path;
  throw Failure("--host " + host + " is no unix socket", "name one as unix:///path");
}

EngineSocket::EngineSocket(const std::string& path, Waiting waiting,
                           std::chrono::milliseconds patience)
    : path_(path), waiting_(waiting), patience_(patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) not_running(path, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  fd_.reset(sys::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "create a socket"));
  int result = 0;
  do {
    if (waiting_ == Waiting::interruptible) interruption::check();
    result = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } while (result < 0 && errno == EINTR);
  if (result < 0) not_running(path, errno);
}

pid_t EngineSocket::peer() const noexcept {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return 0;
  return credentials.pid;
}

void EngineSocket::wait(short events) {
  const auto deadline = std::chrono::steady_clock::now() + patience_;
  for (;;) {
    if (waiting_ == Waiting::interruptible) interruption::check();
    pollfd poll{fd_.get(), events, 0};
    const auto rest =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int count =
        ::poll(&poll, 1, static_cast<int>(std::clamp<std::int64_t>(rest.count(), 0, slice)));
    if (count > 0) return;
    if (count < 0 && errno != EINTR) sys::fail(errno, {"poll ", path_});
    if (std::chrono::steady_clock::now() >= deadline) {
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
    if (waiting_ == Waiting::interruptible) interruption::check();
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
