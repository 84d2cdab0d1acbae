#include "payload/system/old_descriptors.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <span>
#include <vector>

#include "shared/proc/fields.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

constexpr int most_ms = 1000;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  UniqueFd read_end;
  UniqueFd write_end;
};

std::vector<int> open_above_stdio() {
  std::vector<int> numbers;
  {
    const UniqueFd directory = sys::open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
    for (const auto& entry : entries_of(directory.get(), "/proc/self/fd"))
      numbers.push_back(number_in<int>(std::string_view(entry.name)).value_or(-1));
  }
  // Those that were open for the list are among them.
  std::erase_if(numbers,
                [](int number) { return number <= STDERR_FILENO || ::fcntl(number, F_GETFD) < 0; });
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

[[noreturn]] void hold_until_the_end_of(const Pipe& pipe) {
  ::close(pipe.write_end.get());
  char byte = 0;
  while (::read(pipe.read_end.get(), &byte, 1) < 0 && errno == EINTR) {
  }
  ::_exit(0);
}

[[noreturn]] void close_each(std::span<const int> numbers, const Pipe& report, int leash) {
  ::close(leash);  // it may stay in the kernel for ever
  for (const int number : numbers) {
    ::close(number);
    if (::write(report.write_end.get(), ".", 1) != 1) ::_exit(1);
  }
  ::_exit(0);
}

/// Closes as many of them as a child has closed before; returns how many that are. Fewer than all
/// when the next one takes more than a second.
std::size_t close_after_a_child(std::span<const int> numbers, int leash) {
  Pipe report;
  const pid_t child = sys::check(::fork(), "fork");
  if (child == 0) close_each(numbers, report, leash);
  report.write_end.reset();
  std::size_t closed = 0;
  std::array<char, 512> dots;
  pollfd polled{report.read_end.get(), POLLIN, 0};
  while (closed < numbers.size() && ::poll(&polled, 1, most_ms) > 0) {
    const ssize_t count = ::read(report.read_end.get(), dots.data(), dots.size());
    if (count <= 0) break;
    for (ssize_t dot = 0; dot < count; ++dot) ::close(numbers[closed++]);
  }
  if (closed < numbers.size()) ::kill(child, SIGKILL);
  return closed;
}

}  // namespace

OldDescriptors OldDescriptors::close_all() noexcept {
  OldDescriptors old;
  try {
    const auto numbers = open_above_stdio();
    Pipe leash;
    old.holder_ = sys::check(::fork(), "fork");
    if (old.holder_ == 0) hold_until_the_end_of(leash);
    old.leash_ = std::move(leash.write_end);
    for (std::span<const int> left = numbers; !left.empty();) {
      left = left.subspan(close_after_a_child(left, old.leash_.get()));
      if (left.empty()) break;
      ::fcntl(left.front(), F_SETFD, FD_CLOEXEC);
      ++old.left_open_;
      left = left.subspan(1);
    }
  } catch (const std::exception&) {
    // No /proc, no process: without a child, then.
    const int leash = old.leash_.get();
    if (leash > STDERR_FILENO + 1)
      ::close_range(STDERR_FILENO + 1, static_cast<unsigned>(leash) - 1, 0);
    ::close_range(static_cast<unsigned>(std::max(leash, STDERR_FILENO)) + 1, ~0U, 0);
  }
  return old;
}

void OldDescriptors::let_go() noexcept {
  leash_.reset();
  if (holder_ <= 0) return;
  const UniqueFd pidfd = sys::try_pidfd_open(holder_);
  pollfd ended{pidfd.get(), POLLIN, 0};
  if (pidfd) ::poll(&ended, 1, most_ms);
}

}  // namespace dboot
