#include <algorithm>

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

void show_memory(Page& page, const Forecast::Memory& memory) {
  if (memory.root == 0) {
    page.line("memory", byte_size(memory.available) +
                            " available; how much the image takes is not known yet");
    return;
  }
  const auto left = memory.available - std::min(memory.available, memory.root);
  page.line("memory", byte_size(memory.available) + " available now, some " + byte_size(left) +
                          " when the new root is filled");
}

void show_disks(Page& page, const Host& host) {
  if (!host.disks_are_known) {
    page.line("disks", "not known: there is no /sys that has them");
    return;
  }
  std::vector<std::string> released;
  std::vector<std::string> kept;
  std::vector<std::string> busy;
  for (const auto& disk : host.disks.disks) {
    auto& kind = !disk.kept_by.empty() ? busy : disk.is_kept() ? kept : released;
    kind.push_back(disk.name);
  }
  for (const auto& use : host.disks.elsewhere) busy.push_back("those of " + use.text());
  if (!released.empty()) page.line("disks", joined(released) + " released");
  if (!kept.empty()) page.line("disks", joined(kept) + " kept");
  if (!busy.empty())
    page.line("disks", joined(busy) + " busy all the same; --dry-run says what keeps them so");
  if (host.disks.disks.empty() && busy.empty()) page.line("disks", "none is in use");
}

void show_network(Page& page, const Host& host, bool is_kept) {
  const auto& by = host.network.configured_by;
  for (const auto& [name, addresses] : host.network.links)
    page.line("network", {name, " ", joined(addresses), is_kept || by.empty() ? " stays" : ""});
  if (!is_kept && !by.empty() && !host.network.links.empty())
    page.line("network",
              "not kept: " + joined(by) + " may take it along (--keep-network yes prevents it)");
}

}  // namespace

std::string summary(const Forecast& forecast) {
  Page page;
  const auto& image = forecast.image;
  page.line("image", image.description + (image.bytes == 0 ? "" : ", " + byte_size(image.bytes)));
  show_memory(page, forecast.memory);
  const auto& host = *forecast.host;
  show_disks(page, host);
  page.line("ends", std::to_string(host.processes.count) + " processes" +
                        (host.ssh_session ? ", and this ssh session" : ""));
  if (!host.mounts.lost.empty())
    page.line("ends", "what is in memory only: " + joined(host.mounts.lost));
  for (const auto& mount_point : forecast.plan.kept_mounts)
    page.line("stays", "what is mounted on " + mount_point);
  show_network(page, host, forecast.plan.keep_network);
  page.line("log in", forecast.ssh ? forecast.ssh->command
                                   : "not over ssh, but for what the new system starts itself");
  const auto& plan = forecast.plan;
  if (plan.confirm_within.count() != 0)
    page.line("way back", {"the machine ", way_back::without_confirmation(plan.confirm_within)});
  return page.text();
}

}  // namespace dboot::forecast
