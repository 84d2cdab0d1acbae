#include "injector/doctor/opinion.hpp"

#include <algorithm>
#include <string_view>

#include "injector/byte_size.hpp"
#include "injector/preflight/memory.hpp"
#include "shared/proc/fields.hpp"

namespace dboot::doctor {
namespace {

constexpr auto good = State::good;
constexpr auto careful = State::careful;
constexpr auto bad = State::bad;

std::string stop_advice(std::string_view why, const std::string& name) {
  if (why == "container") return "stop the containers before, if they have something to save";
  if (why == "database") return "stop " + name + " before: a shutdown may take longer than --grace";
  if (why == "virtual machine") return "shut the virtual machines down before";
  return "wait for it, or see what it waits for: cat /proc/PID/stack";
}

std::string counted(std::size_t count, const char* what, const char* of_several) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : of_several);
}

std::string words_of(const forecast::SlowProcesses& slow) {
  const auto which = slow.pids.size() == 1 ? "pid " + std::to_string(slow.pids.front())
                                           : std::to_string(slow.pids.size()) + " processes";
  return slow.name + " (" + which + "): " + std::string(slow.why);
}

}  // namespace

Finding on_init(const std::vector<ProcessStatus>& processes, std::size_t descriptors) {
  constexpr std::size_t of_standard_streams = 3;
  constexpr const char* advice = "a takeover works all the same, and needs nothing of it";
  std::string name = "?";
  std::size_t not_collected = 0;
  for (const auto& process : processes) {
    if (process.pid == 1) name = process.name;
    if (process.parent == 1 && process.state == 'Z') ++not_collected;
  }
  if (name == "systemd" && descriptors <= of_standard_streams)
    return {careful, "init", "PID 1 (systemd) has crashed, and stands still", advice};
  if (not_collected == 0) return {good, "init", "PID 1 is " + name, ""};
  return {careful, "init",
          "PID 1 (" + name + ") has not collected " + std::to_string(not_collected) +
              " of its children that have ended: it may have crashed",
          advice};
}

Finding on_memory(std::uint64_t available, std::uint64_t needed) {
  constexpr std::uint64_t little = std::uint64_t{512} << 20U;
  const auto room = available - std::min(available, memory::headroom);
  const auto there = byte_size(available) + " are available";
  if (needed > room)
    return {bad, "memory", there + ", and the new root needs " + byte_size(needed),
            "end what needs memory, take a smaller image, or add swap"};
  if (needed > 0) return {good, "memory", there + "; the new root needs " + byte_size(needed), ""};
  if (room < little)
    return {careful, "memory", there + " for an image and what it runs",
            "take a small image: all of it is in memory"};
  return {good, "memory", there + " for an image and what it runs", ""};
}

Findings on_disks(const forecast::Host& host) {
  if (!host.disks_are_known)
    return {{careful, "disks", "not known: there is no /sys that has them", "mount /sys"}};
  Findings findings;
  for (const auto& disk : host.disks.disks) {
    if (disk.is_released()) {
      std::vector<std::string> uses;
      for (const auto& use : disk.uses) uses.push_back(use.what + " on " + use.where);
      findings.push_back(
          {good, "disks",
           disk.name + " will be free" + (uses.empty() ? "" : ", now " + joined(uses, ", ")), ""});
    }
    for (const auto& kept : disk.kept_by)
      findings.push_back({careful, "disks", disk.name + " stays busy: " + kept.text(),
                          "end it before, if the disk has to be free"});
    if (disk.connection)
      findings.push_back(
          {careful, "disks",
           "the connection of " + disk.name + " stays: " + std::string(disk.connection->kind),
           std::string(disk.connection->to_end_it)});
  }
  for (const auto& use : host.disks.elsewhere)
    findings.push_back({careful, "disks",
                        use.text() + ": its disks are not known, and may stay busy",
                        "export or unmount it before, if they have to be free"});
  if (findings.empty()) findings.push_back({good, "disks", "none is in use", ""});
  return findings;
}

Finding on_consoles(const ConsoleChoice& consoles) {
  if (consoles.log_to.empty())
    return {careful, "consoles", "none: nobody sees what the payload writes",
            "--log-to udp:ADDRESS:PORT sends it to another machine, and --on-failure reboot "
            "comes back"};
  return {good, "consoles",
          "the log on " + joined(consoles.log_to, ", ") +
              (consoles.interactive.empty() ? "" : ", a shell on " + consoles.interactive),
          ""};
}

Findings on_network(const forecast::Network& network) {
  Findings findings;
  for (const auto& [name, addresses] : network.links)
    findings.push_back({good, "network", name + " keeps " + joined(addresses, ", "), ""});
  if (findings.empty())
    findings.push_back({careful, "network",
                        "no link is up and has an address: only a console leads to the new system",
                        ""});
  if (!network.given_up.empty())
    findings.push_back({careful, "network",
                        "of a cluster, and given up: " + joined(network.given_up, ", "),
                        "let another host take them over before"});
  if (!network.configured_by.empty())
    findings.push_back({good, "network",
                        "with --keep-network, " + joined(network.configured_by, ", ") +
                            " end last and take nothing along",
                        ""});
  return findings;
}

Findings on_what_ends(const forecast::Host& host) {
  Findings findings;
  findings.push_back({good, "ends",
                      counted(host.processes.count, "process", "es") + " and " +
                          counted(host.mounts.count, "mount", "s"),
                      ""});
  for (const auto& slow : host.processes.slow)
    findings.push_back({careful, "ends", words_of(slow), stop_advice(slow.why, slow.name)});
  for (const auto& [type, where] : host.mounts.remote)
    findings.push_back(
        {careful, "ends", type + " on " + where + ": its server must answer", "umount " + where});
  std::vector<std::string> lost;
  for (const auto& where : host.mounts.lost) {
    // Of those nobody expects that they outlive a reboot.
    const bool is_usual = where == "/run" || where.starts_with("/run/") || where == "/dev/shm";
    if (!is_usual) lost.push_back(where);
  }
  if (!lost.empty())
    findings.push_back(
        {careful, "lost", "what is in memory only: " + joined(lost, ", "),
         "copy what is needed to a disk, or take it along with --copy, or --keep a mount"});
  return findings;
}

}  // namespace dboot::doctor
