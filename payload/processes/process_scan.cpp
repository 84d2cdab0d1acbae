#include "payload/processes/process_scan.hpp"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "payload/children/blocking.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::process_scan {
namespace {

using namespace std::chrono_literals;

/// For the arguments of one: the one that takes longer holds its lock. Where one hangs others may,
/// and everybody waits for them.
constexpr auto for_the_first = 5s;
constexpr auto for_the_next = 500ms;

constexpr char storage_daemon = '@';
constexpr char other = '-';

bool is_storage_daemon(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0 || status.st_uid != 0) return false;
  return sys::read_file_or_empty(directory + "/cmdline").starts_with('@');
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

Task<std::set<pid_t>> storage_daemons(Log& log, Children& children, std::vector<pid_t> candidates) {
  std::set<pid_t> daemons;
  std::chrono::milliseconds patience = for_the_first;
  while (!candidates.empty()) {
    blocking::Work work = [&candidates](const blocking::Report& report) {
      for (const pid_t pid : candidates) {
        report.write(std::to_string(pid) + (is_storage_daemon(pid) ? storage_daemon : other) +
                     '\n');
      }
    };
    auto child =
        blocking::run(children, "read the processes' arguments", patience, std::move(work));
    const auto outcome = co_await std::move(child);
    // The last one may be cut off.
    const std::string_view report = outcome.text;
    const auto answers = lines_of(report.substr(0, report.rfind('\n') + 1));
    for (const auto answer : answers) {
      if (answer.ends_with(storage_daemon))
        daemons.insert(number_in<pid_t>(answer.substr(0, answer.size() - 1)).value_or(0));
    }
    if (outcome.finished()) break;
    if (outcome.end == blocking::Outcome::End::failed) {
      log.warning("storage daemons not looked for", {{"reason", outcome.error}});
      break;
    }
    // The first without an answer is the one that holds its lock.
    const auto answered = std::min(answers.size() + 1, candidates.size());
    patience = for_the_next;
    log.warning("arguments not readable", {{"pid", candidates[answered - 1]}});
    candidates.erase(candidates.begin(),
                     candidates.begin() + static_cast<std::ptrdiff_t>(answered));
  }
  co_return daemons;
}

bool awaits_signals(pid_t pid) {
  const auto call = sys::read_file_or_empty("/proc/" + std::to_string(pid) + "/syscall");
  return call.starts_with(std::to_string(SYS_rt_sigtimedwait) + ' ');
}

std::string cgroup(pid_t pid) {
  const auto groups = "\n" + sys::read_file_or_empty("/proc/" + std::to_string(pid) + "/cgroup");
  constexpr std::string_view unified = "\n0::";
  const auto at = groups.find(unified);
  if (at == std::string::npos) return "";
  const auto start = at + unified.size();
  return groups.substr(start, groups.find('\n', start) - start);
}

}  // namespace dboot::process_scan
