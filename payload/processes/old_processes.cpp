#include "payload/processes/old_processes.hpp"

#include <utility>

namespace dboot {

/// Each of them may hold another one.
OldProcesses::~OldProcesses() {
  for (const auto& [pid, process] : all_) {
    process->handle.close();
    process->leader.reset();
  }
}

void OldProcesses::add(const Found& found) {
  for (const auto& process : found) count_in(process);
  note_keepers(found);
  hold_keepers_back(found);
  hold_leaders_back(found);
}

void OldProcesses::count_in(const Pointer& process) {
  all_[process->process.status.pid] = process;
  ++seen_;
  ++counts_.at(static_cast<std::size_t>(process->kind));
  for (const ino_t space : process->process.namespaces) ++members_[space];
  ++living_ones_.at(static_cast<std::size_t>(process->kind));
  if (process->kind == ProcessClass::storage_daemon) return;
  ++living_;
  if (goes_last(process->kind)) return;
  ++open_;
  process->open = true;
  if (process->kind == ProcessClass::namespace_init || process->kind == ProcessClass::shell)
    bind(process);
}

void OldProcesses::bind(const Pointer& process) {
  rules_.insert(process);
}

void OldProcesses::note_keepers(const Found& found) {
  for (const auto& init : found) {
    if (!is_nested_init(init->process.status)) continue;
    const pid_t parent = init->process.status.parent;
    ++keeping_[parent].living;
    const auto keeper = all_.find(parent);
    if (keeper == all_.end()) continue;
    bind(keeper->second);
    if (auto service = service_of(keeper->second->process); !service.empty())
      keeper_services_.insert(std::move(service));
  }
}

void OldProcesses::hold_keepers_back(const Found& found) {
  for (const auto& process : found) {
    const auto& what = process->process;
    if (!process->open ||
        (!keeping_.contains(what.status.pid) && !keeper_services_.contains(service_of(what))))
      continue;
    close(*process);
    process->kept = true;
    kept_.push_back(process);
  }
}

/// For those that are there with them, and no longer: a loop in a shell starts new ones for ever.
void OldProcesses::hold_leaders_back(const Found& found) {
  std::map<pid_t, Pointer> leaders;
  for (const auto& process : found) {
    if (leads_blindly(process->process)) leaders[process->process.status.pid] = process;
  }
  for (const auto& process : found) {
    const auto leader = leaders.find(process->process.status.session);
    if (leader == leaders.end() || leader->second == process || !process->open) continue;
    process->leader = leader->second;
    if (++leader->second->followed == 1) waiting_leaders_.push_back(leader->second);
  }
}

/// It has not to answer any more.
void OldProcesses::close(OldProcess& process) {
  if (!std::exchange(process.open, false)) return;
  --open_;
  const Pointer leader = std::exchange(process.leader, nullptr);
  if (leader && --leader->followed == 0) free_leaders_.push_back(leader);
}

void OldProcesses::note_killed(OldProcess& process, std::string_view why) {
  if (!std::exchange(process.killed, true)) process.killed_for = why;
  close(process);
}

void OldProcesses::note_end(OldProcess& process) {
  if (process.gone) return;
  process.gone = std::chrono::steady_clock::now();
  process.handle.close();
  close(process);
  --living_ones_.at(static_cast<std::size_t>(process.kind));
  if (process.kind != ProcessClass::storage_daemon) --living_;
  for (const ino_t space : process.process.namespaces) --members_[space];
  if (!is_nested_init(process.process.status)) return;
  auto& kept = keeping_[process.process.status.parent];
  --kept.living;
  kept.last_end = *process.gone;
}

bool OldProcesses::lives(pid_t pid) const {
  const auto known = all_.find(pid);
  return known != all_.end() && !known->second->gone;
}

std::size_t OldProcesses::count(ProcessClass kind) const {
  return counts_.at(static_cast<std::size_t>(kind));
}

std::size_t OldProcesses::living(ProcessClass kind) const {
  return living_ones_.at(static_cast<std::size_t>(kind));
}

bool OldProcesses::all_but_the_last_gone() const {
  return living_ == living(ProcessClass::network_daemon) + living(ProcessClass::session);
}

OldProcesses::Found OldProcesses::take_leaders() {
  Found free = std::exchange(free_leaders_, {});
  std::erase_if(free, [](const Pointer& process) { return !process->open || process->is_asked(); });
  return free;
}

OldProcesses::Found OldProcesses::take_waiting_leaders() {
  Found waiting = std::exchange(waiting_leaders_, {});
  std::erase_if(waiting,
                [](const Pointer& process) { return !process->open || process->is_asked(); });
  return waiting;
}

OldProcesses::Found OldProcesses::take_keepers() {
  Found keepers = std::exchange(kept_, {});
  std::erase_if(keepers, [](const Pointer& process) { return process->gone || process->killed; });
  for (const auto& process : keepers) {
    process->kept = false;
    process->open = true;
    ++open_;
  }
  return keepers;
}

bool OldProcesses::has_members(const OldProcess& init) const {
  const auto& spaces = init.process.namespaces;
  if (spaces.empty()) return false;
  const auto members = members_.find(spaces.front());
  // The init is a member itself.
  return members != members_.end() && members->second > (init.gone ? 0U : 1U);
}

std::optional<OldProcesses::TimePoint> OldProcesses::end_of_keeping(
    const OldProcess& process) const {
  const auto kept = keeping_.find(process.process.status.pid);
  if (kept == keeping_.end() || kept->second.living != 0) return std::nullopt;
  return std::max(process.asked, kept->second.last_end);
}

OldProcesses::Found OldProcesses::with_rules() {
  std::erase_if(rules_, [](const Pointer& process) { return process->gone || process->killed; });
  Found open;
  for (const auto& process : rules_) {
    if (process->open && process->is_asked()) open.push_back(process);
  }
  return open;
}

}  // namespace dboot
