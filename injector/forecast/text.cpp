#include "injector/byte_size.hpp"
#include "injector/forecast/forecast.hpp"
#include "injector/forecast/page.hpp"
#include "injector/way_back.hpp"
#include "shared/proc/fields.hpp"

namespace dboot::forecast {
namespace {

std::string joined(const std::vector<std::string>& words) {
  return dboot::joined(words, ", ");
}

/// As a shell takes them.
std::string shell_words(const std::vector<std::string>& words) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%+,-./:=@_";
  std::vector<std::string> quoted;
  for (const auto& word : words) {
    const bool is_plain = !word.empty() && word.find_first_not_of(plain) == std::string::npos;
    auto& text = quoted.emplace_back(is_plain ? word : "'");
    if (is_plain) continue;
    for (const char letter : word) text += letter == '\'' ? "'\\''" : std::string(1, letter);
    text += '\'';
  }
  return dboot::joined(quoted, " ");
}

std::string seconds(std::chrono::milliseconds time) {
  auto text = std::to_string(time.count() / 1000);
  const auto rest = time.count() % 1000;
  if (rest != 0) text.append(".").append(std::to_string(1000 + rest), 1);
  return text + " s";
}

std::string_view explanation(std::string_view why) {
  if (why == "uninterruptible") return "waits in the kernel, where no signal reaches it";
  if (why == "container") return "the init of a container, which ends its own processes first";
  if (why == "database") return "a database, which writes back what it has in memory";
  return "a virtual machine, whose system is switched off";
}

void show_image(Page& page, const Forecast& forecast) {
  const auto& [name, description, digest, bytes] = forecast.image;
  page.line("image", description + (bytes == 0 ? "" : ", " + byte_size(bytes)));
  if (!digest.empty()) page.line("image", digest);
  const auto& memory = forecast.memory;
  page.line("new root", byte_size(memory.root) + " of " + byte_size(memory.available) +
                            " that are available; it may grow to " + byte_size(memory.root_limit));
  for (const auto& taken : forecast.from_host) {
    const auto size = taken.bytes == 0 ? "" : ", " + byte_size(taken.bytes);
    const auto way = taken.from == taken.to ? taken.from : taken.from + " as " + taken.to;
    const auto kind = taken.what == "file" ? "" : taken.what + ": ";
    page.line("from host", {kind, way, size});
  }
  page.line("from host", "the hostname " + forecast.plan.hostname);
}

void show_payload(Page& page, const payload_file::Payload& payload) {
  page.line("payload", payload.path + (payload.is_carried ? " of this program, " : ", ") +
                           byte_size(payload.size));
  page.line("payload", payload.digest);
  page.line("payload", payload.plans ? "understands plans up to " + to_string(*payload.plans)
                                     : "does not say which plans it understands");
}

void show_last_resort(Page& page, const std::string& busybox) {
  page.line("last resort",
            busybox.empty() ? "no shell but those of the two roots: --busybox FILE takes one along"
                            : "the shell of " + busybox);
}

void show_plan(Page& page, const Plan& plan) {
  page.line("starts",
            shell_words(plan.arguments) +
                (plan.start == Start::exec ? ", as PID 1" : ", supervised by the payload"));
  for (const auto& hook : plan.hooks)
    page.line("hooks", to_string(hook.at) + ": " + shell_words(hook.arguments) +
                           (hook.must_succeed ? ", which must succeed" : ""));
  for (const auto& place : plan.breakpoints)
    page.line("breakpoints", to_string(place) + ": a shell, for " + seconds(plan.break_timeout));
}

std::string texts_of(const std::vector<Stacked>& stack) {
  std::string text;
  for (const auto& stacked : stack) text += (text.empty() ? "" : "; ") + stacked.text();
  return text;
}

std::string what_becomes_of(const Disk& disk) {
  if (!disk.kept_by.empty())
    return " stays busy, for what lies on it is not taken apart: " + texts_of(disk.kept_by);
  return disk.is_kept() ? " stays in use, as --keep asks for" : " is released";
}

void show_disks(Page& page, const Disks& disks) {
  for (const auto& disk : disks.disks) {
    page.line("disks", disk.name + what_becomes_of(disk));
    if (!disk.taken_apart.empty())
      page.line("disks", "  taken apart: " + texts_of(disk.taken_apart));
    for (const auto& use : disk.uses)
      page.line("disks", "  " + use.text() + (use.is_kept ? ", kept" : ""));
    if (disk.connection)
      page.line("disks", {"  its connection stays: ", disk.connection->kind,
                          " (to end it: ", disk.connection->to_end_it, ")"});
  }
  for (const auto& use : disks.elsewhere)
    page.line("disks", use.text() + ": its disks are not known, and may stay busy (to end it: " +
                           to_end_pool(use.what) + ")");
  if (disks.disks.empty() && disks.elsewhere.empty()) page.line("disks", "none is in use");
}

void show_what_ends(Page& page, const Host& host, const Plan& plan) {
  const auto& processes = host.processes;
  page.line("ends", std::to_string(processes.count) +
                        (processes.count == 1 ? " process: " : " processes: ") +
                        std::to_string(processes.asked) + " asked, with " + seconds(plan.grace) +
                        "; " + std::to_string(processes.killed) +
                        " ignoring SIGTERM, killed at once");
  for (const auto& [name, why, pids] : processes.slow) {
    const auto which = pids.size() == 1 ? "pid " + std::to_string(pids.front())
                                        : std::to_string(pids.size()) + " processes";
    page.line("ends", {"  may be slow: ", name, " (", which, "): ", explanation(why)});
  }
  if (host.ssh_session) page.line("ends", "this ssh session");
  page.line("ends", std::to_string(host.mounts.count) + " mounts");
  for (const auto& [type, where] : host.mounts.remote)
    page.line("ends", {"  may be slow: ", type, " on ", where, ": its server must answer"});
  if (!host.mounts.lost.empty())
    page.line("ends", "what is in memory only: " + joined(host.mounts.lost));
}

void show_what_stays(Page& page, const Host& host, const Plan& plan) {
  page.line("stays", "the kernel " + host.kernel + ", and what is loaded in it");
  page.line("stays", "what is on the disks");
  for (const auto& mount_point : plan.kept_mounts)
    page.line("stays", "what is mounted on " + mount_point + ", at the same place");
  const auto& network = host.network;
  for (const auto& [name, addresses] : network.links)
    page.line("stays", "network " + name + ": " + joined(addresses));
  if (!network.links.empty() && !network.configured_by.empty())
    page.line("stays",
              plan.keep_network
                  ? "  killed last instead of being asked: " + joined(network.configured_by)
                  : "  but for what these take along (--keep-network yes prevents it): " +
                        joined(network.configured_by));
  if (plan.keep_network && !network.given_up.empty())
    page.line("stays", "  without what a cluster has on this host: " + joined(network.given_up));
  if (plan.keep_network && !network.hears_packets.empty())
    page.line("stays", "  what " + joined(network.hears_packets) +
                           " may take along, by the packets that they hear, is brought back");
}

std::string guest_line(const ssh::Guest& guest) {
  std::vector<std::string> by;
  if (guest.keys == 1) by.emplace_back("a key");
  if (guest.keys > 1) by.push_back(std::to_string(guest.keys) + " keys");
  if (guest.has_password) by.emplace_back("a password");
  if (by.empty()) by.emplace_back("a certificate");
  const auto* const rights = guest.is_root && guest.name != "root" ? ", with root's rights" : "";
  return guest.name + rights + ", by " + dboot::joined(by, " or ");
}

void show_login(Page& page, const std::optional<ssh::Kept>& kept) {
  if (!kept) {
    page.line("log in", "not over ssh, but for what the new system starts itself");
    return;
  }
  page.line("log in", kept->command);
  for (const auto& guest : kept->guests) page.line("log in", {"  ", guest_line(guest)});
  if (kept->by_image)
    page.line("log in", "  to the image's ssh server, with the host's keys; that is not tried");
  if (!kept->companions.empty())
    page.line("log in",
              std::string("  to the host's ssh server, which comes along; a login of each ") +
                  (kept->was_tried ? "was tried" : "could not be tried"));
}

void show_consoles(Page& page, const ConsoleChoice& consoles) {
  page.line("consoles", consoles.log_to.empty() ? "none gets the log"
                                                : "the log on " + joined(consoles.log_to));
  page.line("consoles", consoles.interactive.empty() ? "no shell on any"
                                                     : "a shell on " + consoles.interactive);
}

void show_way_back(Page& page, const Forecast& forecast) {
  const auto& plan = forecast.plan;
  page.line("way back",
            "reboot in the new system, or a reset: the machine starts what is on its disk");
  if (plan.confirm_within.count() != 0)
    page.line("way back", {"the machine ", way_back::without_confirmation(plan.confirm_within)});
  for (const auto& [what, mend] : forecast.obstacles)
    page.line("way back", {"  it may not: ", what, mend.empty() ? "" : "; mend it: ", mend});
  if (plan.start == Start::supervise)
    page.line("way back",
              "when the command ends, the machine " + way_back::after_the_command(plan.on_exit));
  page.line("way back",
            "when the takeover fails, the machine " + way_back::after_a_failure(plan.on_failure));
}

}  // namespace

std::string text(const Forecast& forecast) {
  Page page;
  if (forecast.host && forecast.plan.scope == Scope::in_namespace)
    page.line("replaces", "this PID namespace, and not the machine around it");
  for (const auto& reason : forecast.refusals) page.line("refused", "now: " + reason);
  show_image(page, forecast);
  show_payload(page, forecast.payload);
  show_last_resort(page, forecast.busybox);
  show_plan(page, forecast.plan);
  if (const auto& host = forecast.host) {
    if (forecast.plan.scope == Scope::machine && host->disks_are_known) {
      show_disks(page, host->disks);
    } else if (forecast.plan.scope == Scope::machine) {
      page.line("disks", "not known: there is no /sys that has them");
    } else {
      page.line("disks", "none is let go of in a namespace");
    }
    show_what_ends(page, *host, forecast.plan);
    show_what_stays(page, *host, forecast.plan);
    if (forecast.plan.scope == Scope::machine) {
      show_login(page, forecast.ssh);
      show_consoles(page, host->consoles);
      show_way_back(page, forecast);
    }
  } else {
    page.line("ends", "nothing: this is the plan of a rehearsal");
  }
  return page.text() + "\nThe plan:\n" + plan::describe(forecast.plan);
}

}  // namespace dboot::forecast
