#include "injector/forecast/processes.hpp"

#include <algorithm>
#include <array>

#include "shared/proc/process_class.hpp"

namespace dboot::forecast {
namespace {

constexpr std::string_view uninterruptible = "uninterruptible";
constexpr std::string_view container = "container";
constexpr std::string_view database = "database";
constexpr std::string_view virtual_machine = "virtual machine";

/// Programs that have much to write when they are asked to end. The kernel keeps 15 characters.
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> slow_programs{{
    {"mysqld", database},
    {"mariadbd", database},
    {"postgres", database},
    {"mongod", database},
    {"redis-server", database},
    {"clickhouse-serv", database},
    {"influxd", database},
    {"slapd", database},
    {"oracle", database},
    {"qemu-system-", virtual_machine},
    {"qemu-kvm", virtual_machine},
    {"VBoxHeadless", virtual_machine},
}};

/// Empty for one that is not known to be slow.
std::string_view reason_to_be_slow(const ProcessStatus& process) {
  if (process.state == 'D') return uninterruptible;
  if (is_nested_init(process)) return container;
  for (const auto& [name, why] : slow_programs) {
    const bool is_prefix = name.ends_with('-');
    if (is_prefix ? process.name.starts_with(name) : process.name == name) return why;
  }
  return {};
}

void note_slow(Processes& processes, const ProcessStatus& process) {
  const auto why = reason_to_be_slow(process);
  if (why.empty()) return;
  auto& slow = processes.slow;
  const auto same = [&](const SlowProcesses& other) {
    return other.name == process.name && other.why == why;
  };
  auto found = std::find_if(slow.begin(), slow.end(), same);
  if (found == slow.end()) found = slow.insert(slow.end(), {process.name, why, {}});
  found->pids.push_back(process.pid);
}

}  // namespace

Processes processes_of(const std::vector<ProcessStatus>& all, pid_t self) {
  Processes processes;
  for (const auto& status : all) {
    if (status.pid == 1 || status.pid == self) continue;
    // Of a leader that has ended others may live on.
    const bool ended = status.state == 'Z' && status.threads <= 1;
    const auto kind = classify({status, false, {}, false, ""}, ended);
    if (kind == ProcessClass::kernel_thread || kind == ProcessClass::zombie) continue;
    ++processes.count;
    ++(kind == ProcessClass::deaf ? processes.killed : processes.asked);
    note_slow(processes, status);
  }
  return processes;
}

std::vector<ProcessStatus> read_processes() {
  std::vector<ProcessStatus> processes;
  for (const pid_t pid : list_processes()) {
    if (auto status = read_process_status(pid)) processes.push_back(std::move(*status));
  }
  return processes;
}

}  // namespace dboot::forecast
