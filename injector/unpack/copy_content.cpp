#include "injector/unpack/copy_content.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

using Copied = std::function<void(std::uint64_t)>;

constexpr std::uint64_t block_unit = 512;  // of st_blocks, stat(3type)

/// A file of this size can have huge pages of 2 MiB.
constexpr std::uint64_t huge_page = 2U << 20U;

template <class Call>
std::size_t retried(Call call, const char* attempted) {
  for (;;) {
    const ssize_t count = call();
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) sys::fail(errno, {attempted});
  }
}

/// Copies the range; returns where it ended: earlier than asked for at the end of the file.
off_t copy_range(int from, int to, off_t begin, off_t end, std::span<char> buffer,
                 const Copied& copied) {
  while (begin < end) {
    const auto wanted = std::min(buffer.size(), static_cast<std::size_t>(end - begin));
    const auto size = retried([&] { return ::pread(from, buffer.data(), wanted, begin); }, "read");
    if (size == 0) break;
    for (std::size_t done = 0; done < size;) {
      done += retried(
          [&] {
            return ::pwrite(to, buffer.data() + done, size - done,
                            begin + static_cast<off_t>(done));
          },
          "write");
    }
    begin += static_cast<off_t>(size);
    copied(size);
  }
  return begin;
}

void copy_with_holes(int from, int to, off_t size, std::span<char> buffer, const Copied& copied) {
  for (off_t at = 0; at < size;) {
    const off_t begin = ::lseek(from, at, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) break;  // nothing but a hole up to the end
    sys::check(begin, "seek");
    const off_t end = std::min(sys::check(::lseek(from, begin, SEEK_HOLE), "seek"), size);
    at = copy_range(from, to, begin, end, buffer, copied);
    if (at < end) break;
  }
  // Afterwards, and not before: where the end of the file is known, a tmpfs takes a huge page for
  // the smallest piece of data.
  sys::check(::ftruncate(to, size), "write");
}

}  // namespace

void copy_content(int from, int to, std::uint64_t size, std::uint64_t blocks,
                  std::span<char> buffer, const Copied& copied) {
  if (size == 0) return;
  const auto end = static_cast<off_t>(size);
  if (blocks * block_unit < size) return copy_with_holes(from, to, end, buffer, copied);
  // huge=within_size takes huge pages only up to the end of the file, so that has to be known.
  const bool extended = size >= huge_page;
  if (extended) sys::check(::ftruncate(to, end), "write");
  const off_t reached = copy_range(from, to, 0, end, buffer, copied);
  if (extended && reached < end) sys::check(::ftruncate(to, reached), "write");
}

}  // namespace dboot::rootfs
