#include "injector/progress.hpp"

#include <unistd.h>

#include <string_view>

#include "injector/byte_size.hpp"
#include "shared/terminal/terminal.hpp"
#include "shared/text/duration.hpp"

namespace dboot {
namespace {

constexpr auto interval = std::chrono::milliseconds(100);
constexpr const char* clear_line = "\r\033[K";

// A line that cannot be shown is no reason to stop.
void show(std::string_view text) {
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

Progress::Progress(std::uint64_t expected, Shown shown)
    : expected_(expected),
      shown_(shown == Shown::on_terminals && ::isatty(STDERR_FILENO) == 1),
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
  // The last column is the terminal's: a letter there begins another line.
  const auto columns = terminal::columns_of(STDERR_FILENO) - 1;
  show(clear_line + format({step_.load(), bytes_, expected_, now - began_}, columns));
}

std::string Progress::format(const State& state, unsigned columns) {
  const auto& [step, bytes, expected, elapsed] = state;
  const auto seconds = std::chrono::duration<double>(elapsed).count();
  const double rate = seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
  // The estimate is no promise: 100 % is for those who have finished.
  const bool is_known = expected >= bytes && expected > 0;
  std::string line = step.empty() ? "" : step + ": ";
  std::string share;
  std::string left;
  if (is_known) {
    const auto part = static_cast<double>(bytes) / static_cast<double>(expected) * 100;
    share = std::to_string(static_cast<int>(part)) + " %";
    // Before that the rate says little.
    constexpr double soonest = 1;
    const std::chrono::duration<double> rest(rate > 0 ? static_cast<double>(expected - bytes) / rate
                                                      : 0);
    constexpr std::chrono::hours most(24 * 365);
    if (seconds >= soonest && rate > 0 && rest < most)
      left = in_words(std::chrono::ceil<std::chrono::seconds>(rest)) + " left";
  }
  const auto amount = byte_size(bytes) + (is_known ? " of " + byte_size(expected) : "");
  const auto speed = rate > 0 ? byte_size(static_cast<std::uint64_t>(rate)) + "/s" : "";
  line += is_known ? share : amount;
  const auto add = [&](const std::string& part) {
    if (!part.empty() && line.size() + 2 + part.size() <= columns) line.append(", ").append(part);
  };
  add(left);
  if (is_known) add(amount);
  add(speed);
  if (line.size() > columns) line.resize(columns);
  return line;
}

}  // namespace dboot
