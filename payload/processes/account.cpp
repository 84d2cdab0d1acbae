#include "payload/processes/account.hpp"

#include "payload/processes/held_mounts.hpp"
#include "shared/proc/fields.hpp"

namespace dboot::account {

void note_found(Log& log, const OldProcess& process) {
  if (!log.has(Log::Level::trace)) return;
  const auto& status = process.process.status;
  log.trace("process found", {{"pid", status.pid},
                              {"parent", status.parent},
                              {"session", status.session},
                              {"command", status.name},
                              {"state", std::string(1, status.state)},
                              {"threads", status.threads},
                              {"class", to_string(process.kind)},
                              {"cgroup", process.process.cgroup}});
}

void name_those_waited_for(Log& log, const OldProcesses& processes) {
  constexpr int most = 10;
  int named = 0;
  for (const auto& [pid, process] : processes.all()) {
    if (!process->open || !process->is_asked() || ++named > most) continue;
    log.info("still waiting", {{"what", "the end of a process"},
                               {"for", std::chrono::steady_clock::now() - process->asked},
                               {"pid", pid},
                               {"command", process->process.status.name},
                               {"class", to_string(process->kind)},
                               {"wchan", wait_channel(pid)}});
  }
  if (named > most) log.info("still waiting", {{"what", "the end of processes"}, {"count", named}});
}

void tell_answers(Log& log, const OldProcesses& processes) {
  int cut_short = 0;
  for (const auto& [pid, process] : processes.all()) {
    if (!process->open) continue;
    ++cut_short;
    log.warning("killed: not ended within the grace period",
                {{"pid", pid}, {"command", process->process.status.name}});
  }
  const auto count = [&](ProcessClass kind) { return processes.count(kind); };
  log.info("processes asked to end", {{"react", count(ProcessClass::reacts)},
                                      {"deaf", count(ProcessClass::deaf)},
                                      {"shells", count(ProcessClass::shell)},
                                      {"namespace_inits", count(ProcessClass::namespace_init)},
                                      {"storage_daemons", count(ProcessClass::storage_daemon)},
                                      {"network_daemons", count(ProcessClass::network_daemon)},
                                      {"session", count(ProcessClass::session)},
                                      {"killed_after_grace", cut_short}});
}

void tell_restless(Log& log, const OldProcesses::Found& found) {
  const auto& first = found.front()->process;
  log.info("new processes kept coming", {{"found", found.size()},
                                         {"pid", first.status.pid},
                                         {"command", first.status.name},
                                         {"cgroup", first.cgroup}});
}

Task<> name_survivors(Log& log, Children& children, const OldProcesses& processes) {
  std::vector<pid_t> survivors;
  for (const auto& [pid, process] : processes.all()) {
    // Some have ended, and it is only not told yet.
    const bool lives = !process->gone && !process->handle.has_ended();
    if (lives && process->kind != ProcessClass::storage_daemon) survivors.push_back(pid);
  }
  if (survivors.empty()) co_return;
  auto looking = mounts_held_by(children, survivors);
  const auto held = co_await std::move(looking);
  for (const pid_t pid : survivors) {
    const auto status = read_process_status(pid);
    const auto mounts = held.find(pid);
    log.error("process survives SIGKILL",
              {{"pid", pid},
               {"command", processes.all().at(pid)->process.status.name},
               {"state", std::string(1, status ? status->state : '?')},
               {"wchan", wait_channel(pid)},
               {"mounts", mounts == held.end() ? "" : joined(mounts->second, ",")}});
  }
}

}  // namespace dboot::account
