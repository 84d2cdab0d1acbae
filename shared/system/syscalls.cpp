#include "shared/system/syscalls.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace dboot::sys {

void fail(int error, std::initializer_list<std::string_view> attempted) {
  std::string what;
  for (const auto part : attempted) what += part;
  throw std::system_error(error, std::generic_category(), what);
}

UniqueFd open(const std::string& path, int flags, unsigned mode) {
  return open_at(AT_FDCWD, path, flags, mode);
}

UniqueFd open_at(int directory, const std::string& path, int flags, unsigned mode) {
  return UniqueFd(check(::openat(directory, path.c_str(), flags | O_CLOEXEC, mode), "open ", path));
}

UniqueFd try_open_at2(int directory, const std::string& path, std::uint64_t flags,
                      std::uint64_t mode, std::uint64_t resolve) noexcept {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve;
  long fd = -1;
  do {
    fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
  } while (fd < 0 && errno == EAGAIN);
  return UniqueFd(static_cast<int>(fd));
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  check(::pipe2(ends.data(), O_CLOEXEC), "make a pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

UniqueFd try_pidfd_open(int pid) noexcept {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

bool is_readable(int fd) noexcept {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, 0) > 0;
}

namespace {

std::string drain(int fd, const std::string& path) {
  std::string text;
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (check(count, "read ", path) == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

std::string read_file(const std::string& path) {
  return read_file_at(AT_FDCWD, path);
}

std::string read_file_at(int directory, const std::string& path) {
  const UniqueFd fd = open_at(directory, path, O_RDONLY);
  return drain(fd.get(), path);
}

std::string read_file_or_empty(const std::string& path) noexcept {
  try {
    return read_file(path);
  } catch (const std::exception&) {
    return {};
  }
}

void write_file(const std::string& path, std::string_view text) {
  const UniqueFd fd = open(path, O_WRONLY);
  check(::write(fd.get(), text.data(), text.size()), "write ", path);
}

void write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t count = ::write(fd, data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    data.remove_prefix(static_cast<std::size_t>(check(count, "write")));
  }
}

void replace_file(const std::string& path, std::string_view data, mode_t mode) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return write_all(open(path, O_WRONLY).get(), data);
  std::error_code ignored;
  // What a link names is replaced, and not the link.
  const auto target = std::filesystem::canonical(path, ignored).string();
  const auto& place = target.empty() ? path : target;
  std::string partial = place + ".XXXXXX";
  const UniqueFd file(
      static_cast<int>(check(::mkostemp(partial.data(), O_CLOEXEC), "write ", place)));
  try {
    write_all(file.get(), data);
    check(::fchmod(file.get(), mode), "chmod ", partial);
    check(::rename(partial.c_str(), place.c_str()), "write ", place);
  } catch (...) {
    ::unlink(partial.c_str());
    throw;
  }
}

}  // namespace dboot::sys
