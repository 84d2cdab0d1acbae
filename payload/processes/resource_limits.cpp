#include "payload/processes/resource_limits.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>
#include <string>

namespace dboot {
namespace {

constexpr std::array<std::pair<std::string_view, int>, 16> names{{
    {"Max cpu time", RLIMIT_CPU},
    {"Max file size", RLIMIT_FSIZE},
    {"Max data size", RLIMIT_DATA},
    {"Max stack size", RLIMIT_STACK},
    {"Max core file size", RLIMIT_CORE},
    {"Max resident set", RLIMIT_RSS},
    {"Max processes", RLIMIT_NPROC},
    {"Max open files", RLIMIT_NOFILE},
    {"Max locked memory", RLIMIT_MEMLOCK},
    {"Max address space", RLIMIT_AS},
    {"Max file locks", RLIMIT_LOCKS},
    {"Max pending signals", RLIMIT_SIGPENDING},
    {"Max msgqueue size", RLIMIT_MSGQUEUE},
    {"Max nice priority", RLIMIT_NICE},
    {"Max realtime priority", RLIMIT_RTPRIO},
    {"Max realtime timeout", RLIMIT_RTTIME},
}};

/// A process per pidfd is held open while the old system ends.
constexpr rlim_t descriptors = 65536;

std::optional<rlim_t> parse_value(const std::string& text) {
  if (text == "unlimited") return RLIM_INFINITY;
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return static_cast<rlim_t>(std::stoull(text));
}

}  // namespace

ResourceLimits take_limits() noexcept {
  rlimit core{};
  rlimit files{};
  ::getrlimit(RLIMIT_CORE, &core);
  ::getrlimit(RLIMIT_NOFILE, &files);
  const rlimit no_core{0, core.rlim_max};
  ::setrlimit(RLIMIT_CORE, &no_core);
  const rlimit more{std::max(descriptors, files.rlim_cur), std::max(descriptors, files.rlim_max)};
  if (::setrlimit(RLIMIT_NOFILE, &more) != 0) {
    const rlimit all{files.rlim_max, files.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &all);
  }
  return {{RLIMIT_CORE, core}, {RLIMIT_NOFILE, files}};
}

void apply(const ResourceLimits& limits) noexcept {
  for (const auto& [resource, limit] : limits)
    ::setrlimit(static_cast<__rlimit_resource>(resource), &limit);
}

ResourceLimits parse_limits(std::string_view limits) {
  ResourceLimits result;
  std::istringstream lines{std::string(limits)};
  for (std::string line; std::getline(lines, line);) {
    for (const auto& [name, number] : names) {
      if (!line.starts_with(name)) continue;
      std::istringstream values(line.substr(name.size()));
      std::string soft;
      std::string hard;
      values >> soft >> hard;
      const auto current = parse_value(soft);
      const auto most = parse_value(hard);
      if (current && most) result.emplace_back(number, rlimit{*current, *most});
    }
  }
  return result;
}

}  // namespace dboot
