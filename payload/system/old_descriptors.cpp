#include "payload/system/old_descriptors.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <span>
#include <vector>

#include "shared/proc/fields.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::old_descriptors {
namespace {

constexpr int patience_ms = 1000;

bool is_open(int number) {
  return ::fcntl(number, F_GETFD) >= 0;
}

std::vector<int> listed() {
  std::vector<int> numbers;
  const UniqueFd directory = sys::open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
  for (const auto& entry : entries_of(directory.get(), "/proc/self/fd"))
    numbers.push_back(number_in<int>(std::string_view(entry.name)).value_or(-1));
  return numbers;
}

/// Where there is no /proc.
std::vector<int> all_that_there_may_be() {
  constexpr rlim_t most = 65536;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = most;
  std::vector<int> numbers;
  for (int number = 0; number < static_cast<int>(std::min(limit.rlim_cur, most)); ++number)
    numbers.push_back(number);
  return numbers;
}

std::vector<int> open_above_stdio() {
  std::vector<int> numbers;
  try {
    numbers = listed();
  } catch (const std::exception&) {
    numbers = all_that_there_may_be();
  }
  // Those that were open for the list are among them.
  std::erase_if(numbers, [](int number) { return number <= STDERR_FILENO || !is_open(number); });
  return numbers;
}

/// In a child that shares the table. A number to do it to each; what is done must be no more than
/// system calls, for this is a fork behind the C library's back.
template <class Act>
pid_t start(std::span<const int> numbers, int report, const Act& act) {
  const auto child = static_cast<pid_t>(
      ::syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (child != 0) return child;
  for (const int number : numbers) {
    act(number);
    if (::write(report, ".", 1) != 1) break;
  }
  ::_exit(0);
}

/// How many are done when all are, or the next one takes too long.
std::size_t wait_for(std::size_t count, int report) {
  std::size_t done = 0;
  std::array<char, 512> dots;
  pollfd polled{report, POLLIN, 0};
  while (done < count) {
    const int readable = ::poll(&polled, 1, patience_ms);
    if (readable < 0 && errno == EINTR) continue;
    if (readable <= 0) break;
    const ssize_t size = ::read(report, dots.data(), std::min(dots.size(), count - done));
    if (size <= 0) break;
    done += static_cast<std::size_t>(size);
  }
  return done;
}

/// A moment for it to end: nobody else knows that it is not of the old system. One that has been
/// killed takes no more descriptors out of the table then: it is gone, or stays where it is in the
/// kernel.
void wait_for_end(pid_t child) {
  const UniqueFd pidfd = sys::try_pidfd_open(child);
  pollfd ended{pidfd.get(), POLLIN, 0};
  constexpr int to_end_ms = 100;
  ::poll(&ended, 1, to_end_ms);
  ::waitpid(child, nullptr, WNOHANG);
}

struct Progress {
  std::size_t done = 0;
  bool hung = false;
};

/// As far as one child gets.
template <class Act>
Progress go_on(std::span<const int> numbers, const Act& act) {
  std::array<int, 2> ends{-1, -1};
  const bool reported = ::pipe2(ends.data(), O_CLOEXEC) == 0;
  const UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  const pid_t child = reported ? start(numbers, write_end.get(), act) : -1;
  if (child < 0) {
    // No process is to be had: without one, then.
    for (const int number : numbers) act(number);
    return {numbers.size(), false};
  }
  const std::size_t done = wait_for(numbers.size(), read_end.get());
  const bool hung = done < numbers.size();
  if (hung) ::kill(child, SIGKILL);
  wait_for_end(child);
  return {hung ? done + 1 : done, hung};
}

template <class Act>
std::size_t for_each(std::span<const int> numbers, const Act& act) {
  std::size_t hung = 0;
  while (!numbers.empty()) {
    const Progress progress = go_on(numbers, act);
    numbers = numbers.subspan(progress.done);
    if (progress.hung) ++hung;
  }
  return hung;
}

}  // namespace

std::size_t close_all() noexcept {
  const auto numbers = open_above_stdio();
  return for_each(numbers, [](int number) { ::close(number); });
}

std::size_t replace_stdio(const std::array<int, 3>& by) noexcept {
  static constexpr std::array stdio{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  return for_each(stdio, [&by](int number) {
    const int other = by.at(static_cast<std::size_t>(number));
    if (other != number) ::dup2(other, number);
  });
}

}  // namespace dboot::old_descriptors
