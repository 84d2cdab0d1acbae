#include "shared/log/log.hpp"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>

namespace dboot::log {
namespace {

constexpr std::array<std::string_view, 5> level_names{"trace", "debug", "info", "warning", "error"};
static_assert(static_cast<int>(Level::error) == static_cast<int>(spdlog::level::err));

bool is_plain(unsigned char byte) {
  return byte > ' ' && byte != 0x7f && byte != '"' && byte != '\\';
}

/// As in a C string.
void append_escaped(std::string& text, char raw) {
  const auto byte = static_cast<unsigned char>(raw);
  if (byte == '\n') {
    text += "\\n";
  } else if (byte < ' ' || byte == 0x7f) {
    text += fmt::format("\\x{:02x}", byte);
  } else {
    text += raw;
  }
}

/// A value as it is when that is unambiguous, else as a C string.
std::string as_value(std::string_view value) {
  if (!value.empty() && std::all_of(value.begin(), value.end(), is_plain))
    return std::string(value);
  std::string text = "\"";
  for (const char raw : value) {
    if (raw == '"' || raw == '\\') text += '\\';
    append_escaped(text, raw);
  }
  return text + '"';
}

/// A message is our own words, but it may quote names from outside: control characters must not
/// reach a terminal or begin a line of their own.
std::string one_line(std::string_view message) {
  std::string text;
  for (const char raw : message) append_escaped(text, raw);
  return text;
}

}  // namespace

std::string_view to_string(Level level) {
  return level_names.at(static_cast<std::size_t>(level));
}

std::optional<Level> level_from(std::string_view name) {
  const auto* const found = std::find(level_names.begin(), level_names.end(), name);
  if (found == level_names.end()) return std::nullopt;
  return static_cast<Level>(found - level_names.begin());
}

Fact::Fact(std::string_view fact_key, std::chrono::nanoseconds duration)
    : key(fact_key), value(fmt::format("{:.1f}ms", static_cast<double>(duration.count()) / 1e6)) {}

std::string format_record(std::chrono::nanoseconds elapsed, Level level, std::string_view phase,
                          std::string_view message, Facts facts) {
  const auto micros = std::max<std::int64_t>(elapsed.count() / 1000, 0);
  std::string line = fmt::format("[{}.{:06}] {} {} {}", micros / 1'000'000, micros % 1'000'000,
                                 to_string(level), phase, one_line(message));
  for (const auto& fact : facts) line += fmt::format(" {}={}", fact.key, as_value(fact.value));
  return line;
}

std::string format_report(Level level, std::string_view message, Facts facts) {
  std::string line = "dboot-inject: ";
  if (level != Level::info) line += fmt::format("{}: ", to_string(level));
  line += one_line(message);
  for (const auto& fact : facts) line += fmt::format(" {}={}", fact.key, as_value(fact.value));
  return line;
}

std::chrono::nanoseconds monotonic_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace dboot::log

namespace dboot {
namespace {

spdlog::level::level_enum to_spdlog(log::Level level) {
  return static_cast<spdlog::level::level_enum>(level);
}

}  // namespace

struct Log::State {
  Style style;
  spdlog::logger logger{"dboot"};
  std::chrono::nanoseconds origin = log::monotonic_now();
  std::string_view phase = "wake";
};

Log::Log(Style style) : state_(std::make_unique<State>(State{style})) {}

Log::~Log() = default;

void Log::set_level(Level level) {
  state_->logger.set_level(to_spdlog(level));
}

void Log::set_origin(std::chrono::nanoseconds origin) {
  state_->origin = origin;
}

void Log::set_phase(std::string_view phase) {
  state_->phase = phase;
}

void Log::add_sink(std::shared_ptr<spdlog::sinks::sink> sink) {
  sink->set_pattern("%v");
  state_->logger.sinks().push_back(std::move(sink));
}

void Log::remove_sink(const std::shared_ptr<spdlog::sinks::sink>& sink) {
  sink->flush();
  std::erase(state_->logger.sinks(), sink);
}

void Log::flush() {
  state_->logger.flush();
}

void Log::write(Level level, std::string_view message, Facts facts) {
  auto& state = *state_;
  if (!state.logger.should_log(to_spdlog(level))) return;
  const std::string line = state.style == Style::record
                               ? log::format_record(log::monotonic_now() - state.origin, level,
                                                    state.phase, message, facts)
                               : log::format_report(level, message, facts);
  state.logger.log(to_spdlog(level), line);
}

}  // namespace dboot
