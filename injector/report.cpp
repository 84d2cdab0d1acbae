#include "injector/report.hpp"

#include <unistd.h>

#include <optional>

#include "shared/log/sinks.hpp"

namespace dboot::report {
namespace {

std::optional<Log>& reporter() {
  static std::optional<Log> instance;
  return instance;
}

}  // namespace

void to_terminal(log::Level level) {
  auto& log = reporter().emplace(Log::Style::report);
  log.set_level(level);
  log.add_sink(log::sinks::descriptor(STDERR_FILENO));
}

void write(log::Level level, std::string_view message, log::Facts facts) {
  if (reporter()) reporter()->write(level, message, facts);
}

}  // namespace dboot::report
