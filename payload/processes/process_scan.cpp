#include "payload/processes/process_scan.hpp"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "payload/children/blocking.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::process_scan {
namespace {

using namespace std::chrono_literals;
using TimePoint = std::chrono::steady_clock::time_point;

/// For one process: the one that takes longer holds its lock. Where one hangs others may, and
/// everybody waits for them.
constexpr auto for_the_first = 5s;
constexpr auto for_the_next = 500ms;
/// Those that are left then are as if they were neither of what is looked for.
constexpr auto for_all = 15s;

/// What the child says of a process, behind its number.
constexpr char is_daemon = '@';
constexpr char is_waiting = 's';

bool is_storage_daemon(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0 || status.st_uid != 0) return false;
  return sys::read_file_or_empty(directory + "/cmdline").starts_with('@');
}

bool awaits_signals(pid_t pid) {
  const auto call = sys::read_file_or_empty("/proc/" + std::to_string(pid) + "/syscall");
  return call.starts_with(std::to_string(SYS_rt_sigtimedwait) + ' ');
}

/// Its path in the unified hierarchy, "/system.slice/docker.service"; empty when it has none.
std::string cgroup_of(pid_t pid) {
  const auto groups = "\n" + sys::read_file_or_empty("/proc/" + std::to_string(pid) + "/cgroup");
  constexpr std::string_view unified = "\n0::";
  const auto at = groups.find(unified);
  if (at == std::string::npos) return "";
  const auto start = at + unified.size();
  return groups.substr(start, groups.find('\n', start) - start);
}

/// As many as there is time for.
void report_each(const std::vector<pid_t>& pids, TimePoint end, const blocking::Report& report) {
  for (const pid_t pid : pids) {
    if (std::chrono::steady_clock::now() >= end) return;
    std::string line = std::to_string(pid) + ' ';
    if (is_storage_daemon(pid)) line += is_daemon;
    if (awaits_signals(pid)) line += is_waiting;
    report.write(line + ' ' + cgroup_of(pid) + '\n');
  }
}

void note(std::string_view answer, Details& details) {
  const auto first = answer.find(' ');
  const auto second = answer.find(' ', first + 1);
  if (second == std::string_view::npos) return;
  const auto pid = number_in<pid_t>(answer.substr(0, first)).value_or(0);
  const auto what = answer.substr(first + 1, second - first - 1);
  if (what.find(is_daemon) != std::string_view::npos) details.storage_daemons.insert(pid);
  if (what.find(is_waiting) != std::string_view::npos) details.awaiting_signals.insert(pid);
  details.cgroups.emplace(pid, answer.substr(second + 1));
}

}  // namespace

std::vector<ino_t> nested_namespaces(const ProcessStatus& status) {
  std::vector<ino_t> chain;
  if (status.namespace_pids.size() < 2) return chain;
  const std::string path = "/proc/" + std::to_string(status.pid) + "/ns/pid";
  UniqueFd current(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  while (current && chain.size() + 1 < status.namespace_pids.size()) {
    struct stat identity {};
    if (::fstat(current.get(), &identity) != 0) break;
    chain.push_back(identity.st_ino);
    current.reset(::ioctl(current.get(), NS_GET_PARENT));
  }
  return chain;
}

Task<Details> read_details(Log& log, Children& children, std::vector<pid_t> pids) {
  Details details;
  std::chrono::milliseconds patience = for_the_first;
  const auto end = std::chrono::steady_clock::now() + for_all;
  while (!pids.empty()) {
    blocking::Work work = [&pids, end](const blocking::Report& report) {
      report_each(pids, end, report);
    };
    auto child = blocking::run(children, "look at the processes", patience, std::move(work));
    const auto outcome = co_await std::move(child);
    // The last one may be cut off.
    const std::string_view report = outcome.text;
    const auto answers = lines_of(report.substr(0, report.rfind('\n') + 1));
    for (const auto answer : answers) note(answer, details);
    if (outcome.finished()) {
      if (answers.size() < pids.size())
        log.warning("processes not looked at", {{"processes", pids.size() - answers.size()}});
      break;
    }
    if (outcome.end == blocking::Outcome::End::failed) {
      log.warning("storage daemons not looked for", {{"reason", outcome.error}});
      break;
    }
    // The first without an answer is the one that holds its lock.
    const auto answered = std::min(answers.size() + 1, pids.size());
    patience = for_the_next;
    log.warning("process not readable", {{"pid", pids[answered - 1]}});
    pids.erase(pids.begin(), pids.begin() + static_cast<std::ptrdiff_t>(answered));
    if (pids.empty() || std::chrono::steady_clock::now() < end) continue;
    log.warning("processes not looked at", {{"processes", pids.size()}});
    break;
  }
  co_return details;
}

}  // namespace dboot::process_scan
