#include "shared/log/log.hpp"

#include <spdlog/sinks/sink.h>

#include <array>
#include <ctime>
#include <utility>
#include <vector>

#include "shared/proc/fields.hpp"

namespace dboot::log {

std::chrono::nanoseconds monotonic_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace dboot::log

namespace dboot {
namespace {

static_assert(static_cast<int>(log::Level::error) == static_cast<int>(spdlog::level::err));

spdlog::level::level_enum to_spdlog(log::Level level) {
  return static_cast<spdlog::level::level_enum>(level);
}

/// ISO 8601, UTC.
std::string time_of_day() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm fields{};
  ::gmtime_r(&now.tv_sec, &fields);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%FT%TZ", &fields);
  return {text.data(), size};
}

struct Target {
  Log::Sink sink;
  log::Level from;
};

}  // namespace

struct Log::State {
  explicit State(Style its_style) : style(its_style) {}

  Style style;
  std::vector<Target> targets;
  Level level = Level::trace;
  std::chrono::nanoseconds origin = log::monotonic_now();
  std::string phase = "wake";
  std::size_t lines = 0;
};

Log::Log(Style style) : state_(std::make_unique<State>(style)) {}

Log::~Log() = default;

void Log::set_level(Level level) {
  state_->level = level;
}

void Log::set_origin(std::chrono::nanoseconds origin) {
  state_->origin = origin;
}

void Log::set_lines(std::size_t lines) {
  state_->lines = lines;
}

void Log::begin(std::string_view program) {
  if (state_->lines != 0) return;
  info("record begins", {{"format", log::format_version},
                         {"time", time_of_day()},
                         {"program", program},
                         {"version", DBOOT_VERSION}});
}

void Log::begin_phase(std::string_view phase) {
  set_phase(phase);
  info("started", {{"line", state_->lines + 1}});
}

void Log::set_phase(std::string_view phase) {
  state_->phase = phase;
}

void Log::add_sink(Sink sink, Level from, std::string_view earlier) {
  for (const auto line : lines_of(earlier)) {
    const auto record = log::parse(line);
    const Level level = record ? record->level : Level::info;
    if (level >= from) sink->log(spdlog::details::log_msg("", to_spdlog(level), line));
  }
  state_->targets.push_back({std::move(sink), from});
}

void Log::remove_sink(const Sink& sink) {
  std::erase_if(state_->targets, [&](const Target& target) { return target.sink == sink; });
}

bool Log::has(Level level) const noexcept {
  return level >= state_->level;
}

void Log::write(Level level, std::string_view message, Facts facts) {
  if (!has(level)) return;
  log::Record record;
  record.level = level;
  record.message = message;
  record.facts = facts;
  write(std::move(record));
}

void Log::write(log::Record record) {
  auto& state = *state_;
  if (!has(record.level)) return;
  ++state.lines;
  using std::chrono::microseconds;
  record.elapsed = std::chrono::duration_cast<microseconds>(log::monotonic_now() - state.origin);
  record.phase = state.phase;
  const auto colours = state.style == Style::coloured_report ? log::Colours::yes : log::Colours::no;
  const std::string line =
      state.style == Style::record ? log::format(record) : log::format_report(record, colours);
  for (const auto& target : state.targets) {
    if (record.level >= target.from)
      target.sink->log(spdlog::details::log_msg("", to_spdlog(record.level), line));
  }
}

}  // namespace dboot
