#pragma once

#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "shared/system/unique_fd.hpp"

/// System calls that throw, and the few that glibc 2.36 has no wrapper for.
namespace dboot::sys {

/// Throws std::system_error whose what() is "<attempted>: <strerror(error)>".
[[noreturn]] void fail(int error, std::initializer_list<std::string_view> attempted);

/// Returns `result`; when it is negative, throws std::system_error of the current errno, with what
/// was attempted given in parts (joined): `check(::umount2(path, 0), "umount ", path)`. The parts
/// must be string-like values that need no allocation, so that errno is still the call's.
template <class Result, class... Parts>
Result check(Result result, const Parts&... attempted) {
  if (result < 0) fail(errno, {std::string_view(attempted)...});
  return result;
}

/// open(2) with O_CLOEXEC added. Throws std::system_error.
UniqueFd open(const std::string& path, int flags, unsigned mode = 0);
/// openat(2) with O_CLOEXEC added. Throws std::system_error.
UniqueFd open_at(int directory, const std::string& path, int flags, unsigned mode = 0);

/// openat2(2) flags: see <linux/openat2.h>. O_CLOEXEC is added; EAGAIN (a concurrent rename) is
/// retried. Returns an empty fd with errno set on failure, because ENOENT is often an answer.
UniqueFd try_open_at2(int directory, const std::string& path, std::uint64_t flags,
                      std::uint64_t mode, std::uint64_t resolve) noexcept;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};
/// pipe2(2) with O_CLOEXEC. Throws std::system_error.
Pipe make_pipe();

/// pidfd_open(2). Empty with errno set on failure.
UniqueFd try_pidfd_open(int pid) noexcept;

/// Whether there is something to read now, the end included.
bool is_readable(int fd) noexcept;

/// The whole of a file, for /proc, /sys and small files; reads until end of file. Throws.
std::string read_file(const std::string& path);
std::string read_file_at(int directory, const std::string& path);
/// As read_file, but an unreadable file is an empty string.
std::string read_file_or_empty(const std::string& path) noexcept;

/// Writes `text` with one write(2), as /proc and /sys want it. Throws.
void write_file(const std::string& path, std::string_view text);
/// Writes all of `data`, retrying short writes and EINTR. Throws.
void write_all(int fd, std::string_view data);
/// Writes a new file and puts it in the place of the one at `path`, where there is one: whatever
/// goes wrong, that is as it was. A device or a pipe is written to. Throws.
void replace_file(const std::string& path, std::string_view data, mode_t mode);

}  // namespace dboot::sys
