#include "injector/report.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <system_error>
#include <utility>

#include "shared/log/sinks.hpp"
#include "shared/system/syscalls.hpp"
#include "shared/terminal/terminal.hpp"

namespace dboot::report {
namespace {

constexpr std::array<std::string_view, 3> phases{"preflight", "image", "inject"};

/// Where lines go.
struct Reporter {
  Log terminal{terminal::wants_colours(STDERR_FILENO) ? Log::Style::coloured_report
                                                      : Log::Style::report};
  log::Level shown = log::Level::info;
  Log record;
  std::chrono::nanoseconds began = log::monotonic_now();
  std::string text;  ///< the record, as long as there is no file
  log::sinks::Sink sink = log::sinks::memory(text);
  UniqueFd file;
  UniqueFd copy;
  std::size_t copied = 0;  ///< bytes
};

std::optional<Reporter>& reporter() {
  static std::optional<Reporter> instance;
  return instance;
}

std::string text_of(int file, std::size_t from) {
  std::string text;
  std::array<char, 65536> part;
  for (;;) {
    const auto at = static_cast<off_t>(from + text.size());
    const ssize_t size = sys::check(::pread(file, part.data(), part.size(), at), "read the record");
    if (size == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace

void begin(log::Level level) {
  auto& lines = reporter().emplace();
  lines.shown = level;
  lines.terminal.add_sink(log::sinks::descriptor(STDERR_FILENO));
  lines.record.set_level(std::min(level, log::Level::debug));
  lines.record.set_origin(lines.began);
  lines.record.add_sink(lines.sink);
  lines.record.set_phase(phases.front());
  lines.record.begin("dboot-inject");
}

std::chrono::nanoseconds began() {
  return reporter() ? reporter()->began : log::monotonic_now();
}

void begin_phase(std::string_view phase) {
  if (reporter()) reporter()->record.begin_phase(phase);
}

bool is_phase(std::string_view phase) {
  return std::find(phases.begin(), phases.end(), phase) != phases.end();
}

void keep_record_in(UniqueFd file) {
  if (!reporter()) return;
  auto& lines = *reporter();
  UniqueFd duplicate(sys::check(::fcntl(file.get(), F_DUPFD_CLOEXEC, 3), "duplicate the record"));
  sys::write_all(file.get(), lines.text);
  lines.record.remove_sink(lines.sink);
  lines.file = std::move(duplicate);
  lines.sink = log::sinks::file(std::move(file));
  lines.record.add_sink(lines.sink);
  update_copy();
}

void copy_record_to(UniqueFd file) {
  if (reporter()) reporter()->copy = std::move(file);
}

void update_copy() {
  if (!reporter() || !reporter()->copy) return;
  auto& lines = *reporter();
  const auto text =
      lines.file ? text_of(lines.file.get(), lines.copied) : lines.text.substr(lines.copied);
  lines.copied += text.size();
  try {
    sys::write_all(lines.copy.get(), text);
  } catch (const std::system_error& error_of_write) {
    lines.copy.reset();
    error("the log is saved up to here only", {{"reason", error_of_write.what()}});
  }
}

void write(log::Level level, std::string_view message, log::Facts facts) {
  if (!reporter()) return;
  auto& terminal = reporter()->terminal;
  // Whoever wants few lines still wants to know what can be done.
  const bool has_mend = std::any_of(facts.begin(), facts.end(),
                                    [](const auto& fact) { return fact.key == log::mend_key; });
  const bool is_always_shown = has_mend && level >= log::Level::info;
  terminal.set_level(is_always_shown ? level : reporter()->shown);
  terminal.write(level, message, facts);
  reporter()->record.write(level, message, facts);
}

void failure(const Failure& failure) {
  if (failure.mend().empty()) return error(failure.what());
  error(failure.what(), {{log::mend_key, failure.mend()}});
}

void note(std::string_view message, std::vector<log::Fact> facts) {
  if (!reporter()) return;
  log::Record record;
  record.message = message;
  record.facts = std::move(facts);
  reporter()->record.write(std::move(record));
}

}  // namespace dboot::report
