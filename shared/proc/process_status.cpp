#include "shared/proc/process_status.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

template <class Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  const auto start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return std::nullopt;
  text.remove_prefix(start);
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

/// The text behind "Key:" up to the end of its line, without leading blanks; empty when there is
/// none.
std::string_view field(std::string_view status, std::string_view key) {
  while (!status.empty()) {
    const auto line = status.substr(0, status.find('\n'));
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ':') {
      const auto value = line.substr(key.size() + 1);
      return value.substr(std::min(value.find_first_not_of(" \t"), value.size()));
    }
    status.remove_prefix(std::min(line.size() + 1, status.size()));
  }
  return {};
}

std::vector<pid_t> pids(std::string_view text) {
  std::vector<pid_t> result;
  for (;;) {
    const auto pid = number<pid_t>(text);
    if (!pid) return result;
    result.push_back(*pid);
    text.remove_prefix(text.find_first_not_of(" \t"));
    text.remove_prefix(std::min(text.find_first_of(" \t"), text.size()));
  }
}

/// Field `index` of stat, counted from 1 as the manual does; only those behind the command's name.
std::string_view stat_field(std::string_view stat, int index) {
  const auto paren = stat.rfind(')');
  if (paren == std::string_view::npos) return {};
  stat.remove_prefix(paren + 1);
  for (int at = 3;; ++at) {
    const auto start = stat.find_first_not_of(' ');
    if (start == std::string_view::npos) return {};
    stat.remove_prefix(start);
    const auto end = std::min(stat.find(' '), stat.size());
    if (at == index) return stat.substr(0, end);
    stat.remove_prefix(end);
  }
}

/// As the kernel writes it (include/linux/kdev_t.h: new_encode_dev).
dev_t device_of(unsigned number) {
  return makedev((number >> 8U) & 0xfffU, (number & 0xffU) | ((number >> 12U) & 0xfff00U));
}

constexpr int flags_field = 9;
constexpr unsigned pf_kthread = 0x00200000;  // include/linux/sched.h

}  // namespace

std::optional<ProcessStatus> parse_process_status(std::string_view status, std::string_view stat) {
  const auto pid = number<pid_t>(field(status, "Pid"));
  const auto parent = number<pid_t>(field(status, "PPid"));
  const auto state = field(status, "State");
  const auto flags = number<unsigned>(stat_field(stat, flags_field));
  const auto group = number<pid_t>(stat_field(stat, 5));
  const auto session = number<pid_t>(stat_field(stat, 6));
  const auto terminal = number<int>(stat_field(stat, 7));
  if (!pid || !parent || state.empty() || !flags || !group || !session || !terminal)
    return std::nullopt;

  const auto mask = [&](std::string_view key) {
    return number<std::uint64_t>(field(status, key), 16).value_or(0);
  };
  ProcessStatus process;
  process.pid = *pid;
  process.parent = *parent;
  process.name = field(status, "Name");
  process.state = state.front();
  process.tracer = number<pid_t>(field(status, "TracerPid")).value_or(0);
  process.namespace_pids = pids(field(status, "NSpid"));
  process.ignored = mask("SigIgn");
  process.caught = mask("SigCgt");
  process.blocked = mask("SigBlk");
  process.pending = mask("SigPnd") | mask("ShdPnd");
  process.group = *group;
  process.session = *session;
  process.terminal = device_of(static_cast<unsigned>(*terminal));
  process.threads = number<int>(field(status, "Threads")).value_or(0);
  process.started = number<std::uint64_t>(stat_field(stat, 22)).value_or(0);
  process.kernel_thread = (*flags & pf_kthread) != 0;
  return process;
}

std::optional<ProcessStatus> read_process_status(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  return parse_process_status(sys::read_file_or_empty(directory + "/status"),
                              sys::read_file_or_empty(directory + "/stat"));
}

std::optional<ProcessStatus> read_process_status_at(int process_directory) {
  try {
    return parse_process_status(sys::read_file_at(process_directory, "status"),
                                sys::read_file_at(process_directory, "stat"));
  } catch (const std::system_error&) {
    return std::nullopt;  // ESRCH: it has ended
  }
}

std::optional<Glance> glance_at(pid_t pid) {
  const auto stat = sys::read_file_or_empty("/proc/" + std::to_string(pid) + "/stat");
  const auto state = stat_field(stat, 3);
  const auto parent = number<pid_t>(stat_field(stat, 4));
  const auto flags = number<unsigned>(stat_field(stat, flags_field));
  const auto threads = number<int>(stat_field(stat, 20));
  if (state.empty() || !parent || !flags || !threads) return std::nullopt;
  const bool is_dead = state.front() == 'Z' || state.front() == 'X';
  return Glance{*parent, (*flags & pf_kthread) != 0, is_dead && *threads <= 1};
}

std::string wait_channel(pid_t pid) {
  const auto channel = sys::read_file_or_empty("/proc/" + std::to_string(pid) + "/wchan");
  return channel.empty() || channel == "0" ? "?" : channel;
}

std::vector<pid_t> list_processes() {
  std::vector<pid_t> processes;
  const UniqueFd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc) return processes;
  for (const auto& [name, type] : entries_of(proc.get(), "/proc")) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc() && end == name.data() + name.size()) processes.push_back(pid);
  }
  std::sort(processes.begin(), processes.end());
  return processes;
}

}  // namespace dboot
