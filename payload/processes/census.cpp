#include "payload/processes/census.hpp"

#include <unistd.h>

#include <algorithm>

#include "payload/processes/account.hpp"
#include "payload/processes/process_handle.hpp"
#include "payload/processes/process_scan.hpp"
#include "shared/proc/namespace.hpp"
#include "shared/proc/network_daemon.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// How often processes are looked at whose end nobody tells.
constexpr auto between_looks = 20ms;

/// Of this process's network namespace, which the new system has too.
bool configures_network(const ProcessStatus& status) {
  return !network_daemon(status.name).empty() &&
         namespace_of(std::to_string(status.pid), "net") == namespace_of("self", "net");
}

}  // namespace

Census::Census(Log& log, Children& children, const boost::asio::any_io_executor& executor,
               bool keeps_network, std::vector<pid_t> session)
    : log_(log),
      children_(children),
      executor_(executor),
      keeps_network_(keeps_network),
      session_(std::move(session)),
      descriptors_(descriptors_for_pidfds()),
      gone_(executor) {}

/// Empty when there is nothing to end: a kernel thread, a zombie, one that has just gone.
Census::Pointer Census::look_at(pid_t pid, bool& missed) const {
  // Most are of the kernel, or there are thousands of zombies, and each look comes past all of
  // them. (One that has got such a pid since is seen by the next look.)
  const auto glance = glance_at(pid);
  if (glance && glance->kernel_thread) return nullptr;
  if (glance && glance->ended) {
    // PID 1 collects its own at once, so this one has ended just now; another parent may never.
    if (glance->parent == ::getpid() && !processes_.all().contains(pid)) missed = true;
    return nullptr;
  }
  auto handle = ProcessHandle::open(executor_, pid, descriptors_);
  auto status = handle ? read_process_status(pid) : std::nullopt;
  if (!status) {
    missed = true;
    return nullptr;
  }
  Process process{*status, false, process_scan::nested_namespaces(*status)};
  const auto kind = classify(process, handle->has_ended());
  if (kind == ProcessClass::zombie) missed = true;
  if (kind == ProcessClass::zombie || kind == ProcessClass::kernel_thread) return nullptr;
  return std::make_shared<OldProcess>(std::move(process), kind, std::move(*handle));
}

Task<> Census::learn_details(const Found& found) {
  std::vector<pid_t> pids;
  for (const auto& process : found) pids.push_back(process->process.status.pid);
  auto reading = process_scan::read_details(log_, children_, std::move(pids));
  const auto details = co_await std::move(reading);
  for (const auto& process : found) {
    auto& what = process->process;
    const pid_t pid = what.status.pid;
    what.storage_daemon = details.storage_daemons.contains(pid);
    what.network_daemon = keeps_network_ && configures_network(what.status);
    what.session = std::find(session_.begin(), session_.end(), pid) != session_.end();
    what.awaits_signals = details.awaiting_signals.contains(pid);
    const auto cgroup = details.cgroups.find(pid);
    if (cgroup != details.cgroups.end()) what.cgroup = cgroup->second;
    process->kind = classify(what, false);
  }
}

Task<Census::Look> Census::look() {
  Look look;
  for (const pid_t pid : list_processes()) {
    if (pid == ::getpid() || processes_.lives(pid) || children_.spares(pid)) continue;
    if (auto process = look_at(pid, look.missed)) look.found.push_back(std::move(process));
  }
  co_await learn_details(look.found);
  processes_.add(look.found);
  for (const auto& process : look.found) {
    account::note_found(log_, *process);
    watch(process);
  }
  co_return look;
}

void Census::watch(const Pointer& process) {
  if (!process->handle.notifies()) silent_.push_back(process);
  process->handle.on_end(
      [this, process] {
        note_end(*process);
        gone_.notify();
      },
      [this, process] {
        silent_.push_back(process);
        gone_.notify();
      });
}

void Census::note_end(OldProcess& process) {
  processes_.note_end(process);
  const auto since = process.is_asked() ? process.asked : process.found;
  log_.debug("gone", {{"pid", process.process.status.pid},
                      {"command", process.process.status.name},
                      {"after", Clock::now() - since},
                      {"killed", process.killed ? process.killed_for : "no"}});
}

Task<> Census::wait_for_an_end(TimePoint end) {
  co_await gone_.wait_until(silent_.empty() ? end : std::min(end, Clock::now() + between_looks));
  std::erase_if(silent_, [this](const Pointer& process) {
    if (!process->handle.has_ended()) return false;
    note_end(*process);
    return true;
  });
}

Task<bool> Census::wait_for_end_of(Pointer process, std::chrono::milliseconds patience) {
  const auto end = Clock::now() + patience;
  while (!process->gone && Clock::now() < end) co_await wait_for_an_end(end);
  co_return process->gone.has_value();
}

}  // namespace dboot
