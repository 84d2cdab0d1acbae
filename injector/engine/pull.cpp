#include "injector/engine/pull.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "injector/byte_size.hpp"
#include "injector/document/json.hpp"
#include "injector/engine/registry_auth.hpp"
#include "injector/failure.hpp"
#include "injector/report.hpp"
#include "shared/terminal/terminal.hpp"

namespace dboot::image {
namespace {

constexpr std::size_t longest_line = 1U << 20U;
constexpr unsigned bar_width = 30;

std::uint64_t number_member(const boost::json::value& value, std::string_view name) {
  const auto& number = member(value, name);
  if (const auto* integer = number.if_int64(); integer != nullptr && *integer > 0)
    return static_cast<std::uint64_t>(*integer);
  return 0;
}

/// What others have written does not get to steer the terminal.
std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](char letter) {
        const auto byte = static_cast<unsigned char>(letter);
        return byte < 0x20 || byte == 0x7f;
      },
      '?');
  return text;
}

std::string bar(const PullEvent& event) {
  const auto done = std::min(event.done, event.total);
  const auto filled = static_cast<std::size_t>(static_cast<double>(done) /
                                               static_cast<double>(event.total) * bar_width);
  return " [" + std::string(filled, '=') + ">" + std::string(bar_width - filled, ' ') + "] " +
         byte_size(event.done) + "/" + byte_size(event.total);
}

std::string line_for(const PullEvent& event) {
  return printable(event.id.empty() ? event.status : event.id + ": " + event.status);
}

}  // namespace

PullEvent parse_pull_event(const std::string& line) {
  const auto value = parse_json(line);
  PullEvent event;
  event.id = string_member(value, "id");
  event.status = string_member(value, "status");
  const auto& detail = member(value, "progressDetail");
  event.done = number_member(detail, "current");
  event.total = number_member(detail, "total");
  event.error = string_member(member(value, "errorDetail"), "message");
  if (event.error.empty()) event.error = string_member(value, "error");
  return event;
}

PullReference split_reference(const std::string& name) {
  if (const auto at = name.rfind('@'); at != std::string::npos) {
    // The digest decides; a tag before it is for people.
    const std::string before = name.substr(0, at);
    const auto colon = before.rfind(':');
    const bool tagged = colon != std::string::npos && before.find('/', colon) == std::string::npos;
    return {tagged ? before.substr(0, colon) : before, name.substr(at + 1)};
  }
  const auto colon = name.rfind(':');
  if (colon == std::string::npos || name.find('/', colon) != std::string::npos)
    return {name, "latest"};
  return {name.substr(0, colon), name.substr(colon + 1)};
}

PullDisplay::PullDisplay() : PullDisplay(terminal::columns_of(STDERR_FILENO)) {}

std::string PullDisplay::text_of(const PullEvent& event) {
  if (event.status.empty()) return {};
  std::string line = line_for(event);
  if (columns_ == 0) {
    // Bytes make no line of their own.
    std::string& status = status_of_[event.id];
    if (!event.id.empty() && std::exchange(status, event.status) == event.status) return {};
    return line + "\n";
  }
  if (event.total > 0) line += bar(event);
  if (line.size() >= columns_) line.resize(columns_ - 1);
  const auto known = event.id.empty() ? line_of_.end() : line_of_.find(event.id);
  if (known == line_of_.end()) {
    if (!event.id.empty()) line_of_[event.id] = lines_;
    ++lines_;
    return line + "\n";
  }
  const std::string distance = std::to_string(lines_ - known->second);
  return "\033[" + distance + "A\r\033[K" + line + "\r\033[" + distance + "B";
}

void PullDisplay::show(const PullEvent& event) {
  const std::string text = text_of(event);
  // A line that cannot be shown is no reason to stop.
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, text.data(), text.size());
}

void pull(const EngineClient& engine, const std::string& name, const std::string& command) {
  const RegistryAuth auth = find_registry_auth(registry_of(name));
  const auto mend = [&] {
    return auth.mend.empty() ? "correct the name, log in with " + command +
                                   " login, or fetch it with " + command + " pull " + name
                             : auth.mend;
  };
  report::info("the engine fetches the image", {{"name", name}});
  PullDisplay display;
  const auto [repository, tag] = split_reference(name);
  const auto answer = engine.pull_image(repository, tag, auth.header, mend());
  std::string line;
  const auto take_line = [&] {
    if (line.find_first_not_of(" \r\t") == std::string::npos) return;
    PullEvent event;
    try {
      event = parse_pull_event(line);
    } catch (const BadDocument& error) {
      throw Failure("the container engine's words about fetching " + name +
                        " cannot be understood: " + error.what(),
                    mend());
    }
    if (!event.error.empty()) {
      throw Failure("the container engine cannot fetch " + name + ": " + printable(event.error),
                    mend());
    }
    display.show(event);
  };
  for (auto bytes = answer->next(); !bytes.empty(); bytes = answer->next()) {
    for (const char byte : bytes) {
      if (byte != '\n') {
        line += byte;
        if (line.size() > longest_line)
          throw Failure("the container engine speaks without end about fetching " + name, mend());
        continue;
      }
      take_line();
      line.clear();
    }
  }
  take_line();
}

}  // namespace dboot::image
