#include "payload/children/resource_limits.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "shared/proc/fields.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"

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

/// A pidfd for each process is held open while the old system ends.
constexpr rlim_t descriptors = 65536;

std::optional<rlim_t> parse_value(std::string_view text) {
  return text == "unlimited" ? RLIM_INFINITY : number_in<rlim_t>(text);
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

/// kthreadd has them too. In a PID namespace, number 2 may be anything.
ResourceLimits limits_of_kernel(Log& log, Permissions permissions) {
  if (!permissions.on_machine()) return {};
  constexpr pid_t kthreadd = 2;
  const auto status = read_process_status(kthreadd);
  if (status && status->kernel_thread)
    return parse_limits(sys::read_file_or_empty("/proc/2/limits"));
  log.info("resource limits stay those of the old system");
  return {};
}

ResourceLimits parse_limits(std::string_view limits) {
  ResourceLimits result;
  for (const auto line : lines_of(limits)) {
    for (const auto& [name, number] : names) {
      if (!line.starts_with(name)) continue;
      const auto values = words_of(line.substr(name.size()));
      if (values.size() < 2) continue;
      const auto soft = parse_value(values[0]);
      const auto hard = parse_value(values[1]);
      if (soft && hard) result.emplace_back(number, rlimit{*soft, *hard});
    }
  }
  return result;
}

}  // namespace dboot
