#include "shared/terminal/streams.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

constexpr std::size_t at_once = std::size_t{1} << 16U;

mode_t type_of(int fd) noexcept {
  struct stat status {};
  return ::fstat(fd, &status) == 0 ? status.st_mode & S_IFMT : 0;
}

/// Opened again, it is another pseudo terminal (pts(4)).
bool is_ptmx(int fd) noexcept {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && status.st_rdev == makedev(5, 2);
}

/// A description of its own, where that can be had: files never make anybody wait, and what is
/// said to sockets is said with a flag.
UniqueFd open_again(int fd, int flags) {
  const int mode = ::fcntl(fd, F_GETFL) & O_ACCMODE;
  const bool may = mode == O_RDWR || mode == (flags & O_ACCMODE);
  const auto type = type_of(fd);
  if (may && (type == S_IFIFO || (type == S_IFCHR && !is_ptmx(fd)))) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    UniqueFd own(::open(path.c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own) return own;
  }
  constexpr int above_stdio = 3;
  return UniqueFd(sys::check(::fcntl(fd, F_DUPFD_CLOEXEC, above_stdio), "duplicate a stream"));
}

UniqueFd not_waiting(UniqueFd own) {
  if (!own) return own;
  const int flags = sys::check(::fcntl(own.get(), F_GETFL), "look at a stream");
  sys::check(::fcntl(own.get(), F_SETFL, flags | O_NONBLOCK), "set up a stream");
  return own;
}

/// Sets errno when it is not.
bool is_ready(int fd, short events) noexcept {
  pollfd polled{fd, events, 0};
  if (::poll(&polled, 1, 0) > 0) return true;
  errno = EAGAIN;
  return false;
}

bool is_for_later() noexcept {
  return errno == EAGAIN || errno == EINTR;
}

}  // namespace

Outlet::Outlet(int fd) : fd_(open_again(fd, O_WRONLY)), socket_(type_of(fd) == S_IFSOCK) {}

Outlet::Outlet(UniqueFd own) : fd_(not_waiting(std::move(own))) {}

void Outlet::put(std::string_view bytes) {
  if (!fd_) return;
  if (!carriage_returns_) {
    pending_ += bytes;
    return;
  }
  for (const char byte : bytes) {
    if (byte == '\n') pending_ += '\r';
    pending_ += byte;
  }
}

ssize_t Outlet::write_some(std::string_view bytes) const noexcept {
  // poll(2) promises no more than a page to a pipe; this matters where it could not be opened
  // again.
  constexpr std::size_t page = 4096;
  const auto size = std::min(bytes.size(), page);
  return socket_ ? ::send(fd_.get(), bytes.data(), size, MSG_DONTWAIT)
                 : ::write(fd_.get(), bytes.data(), size);
}

void Outlet::flush() {
  std::size_t taken = 0;
  while (fd_ && taken < pending_.size()) {
    const ssize_t count = write_some(std::string_view(pending_).substr(taken));
    if (count < 0 && is_for_later()) break;
    if (count < 0) {
      broken_ = errno;
      fd_.reset();
      taken = pending_.size();
      break;
    }
    taken += static_cast<std::size_t>(count);
  }
  pending_.erase(0, taken);
  if (!pending_.empty()) return;
  if (closing_) fd_.reset();
}

pollfd Outlet::wanted() const noexcept {
  return {pending_.empty() ? -1 : fd_.get(), POLLOUT, 0};
}

Inlet::Inlet(int fd) : fd_(open_again(fd, O_RDONLY)), socket_(type_of(fd) == S_IFSOCK) {}

Inlet::Inlet(UniqueFd own) : fd_(not_waiting(std::move(own))) {}

std::string Inlet::take() {
  if (!fd_ || !is_ready(fd_.get(), POLLIN)) return {};
  std::string bytes(at_once, '\0');
  const ssize_t count = socket_ ? ::recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT)
                                : ::read(fd_.get(), bytes.data(), bytes.size());
  if (count <= 0) {
    // A pseudo terminal without a slave says EIO.
    if (count == 0 || !is_for_later()) fd_.reset();
    return {};
  }
  bytes.resize(static_cast<std::size_t>(count));
  return bytes;
}

}  // namespace dboot
