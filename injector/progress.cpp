#include "injector/progress.hpp"

#include <unistd.h>

#include <string_view>

#include "injector/byte_size.hpp"

namespace dboot {
namespace {

constexpr auto interval = std::chrono::milliseconds(100);
constexpr const char* clear_line = "\r\033[K";

// A line that cannot be shown is no reason to stop.
void show(std::string_view text) {
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

Progress::Progress(std::uint64_t expected)
    : expected_(expected),
      shown_(::isatty(STDERR_FILENO) == 1),
      began_(std::chrono::steady_clock::now()),
      next_(began_ + interval) {}

Progress::~Progress() {
  if (drawn_) show(clear_line);
}

void Progress::add(std::uint64_t bytes) {
  bytes_ += bytes;
  if (!shown_) return;
  // Whoever finds it taken need not wait: somebody is drawing.
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + interval;
  drawn_ = true;
  show(clear_line + format(bytes_, expected_, now - began_));
}

std::string Progress::format(std::uint64_t bytes, std::uint64_t expected,
                             std::chrono::nanoseconds elapsed) {
  std::string line = byte_size(bytes);
  if (expected >= bytes && expected > 0) {
    // The estimate is no promise: 100 % is for those who have finished.
    const auto share = static_cast<double>(bytes) / static_cast<double>(expected) * 100;
    line += " of " + byte_size(expected) + " (" + std::to_string(static_cast<int>(share)) + " %)";
  }
  const auto seconds = std::chrono::duration<double>(elapsed).count();
  if (seconds > 0) {
    line +=
        ", " + byte_size(static_cast<std::uint64_t>(static_cast<double>(bytes) / seconds)) + "/s";
  }
  return line;
}

}  // namespace dboot
