#include "injector/confirmation/confirmation.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <exception>
#include <string>

#include "injector/confirmation/next_boot.hpp"
#include "injector/confirmation/software_watchdog.hpp"
#include "injector/guard.hpp"
#include "injector/unpack/beneath.hpp"
#include "shared/plan/layout.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::confirmation {
namespace {

constexpr std::chrono::minutes by_default{10};

void look_at_disks(const forecast::Disks& disks, std::vector<forecast::Obstacle>& found) {
  for (const auto& disk : disks.disks) {
    if (!disk.is_released())
      found.push_back({disk.name + " stays busy: what is written to it cannot be told from the old "
                                   "system",
                       ""});
    if (sys::read_file_or_empty("/sys/block/" + disk.name + "/queue/iostats") == "0\n")
      found.push_back({"writes to " + disk.name + " are not counted: it is looked at all the time",
                       "echo 1 >/sys/block/" + disk.name + "/queue/iostats"});
  }
}

void look_at_pools(const forecast::Disks& disks, std::vector<forecast::Obstacle>& found) {
  for (const auto& pool : disks.elsewhere)
    found.push_back({"the disks of " + pool.text() +
                         " are not known: what is written to them is not "
                         "told from the old system",
                     ""});
}

void look_at_next_boot(std::vector<forecast::Obstacle>& found) {
  for (const auto& [what, mend] : next_boot::one_time_entries())
    found.push_back({"the next boot leads elsewhere, once: " + what, mend});
}

void look_for_watchdog(std::vector<forecast::Obstacle>& found) {
  if (software_watchdog::is_needed() && !software_watchdog::is_there())
    found.push_back(
        {"there is no watchdog, and no module softdog: a guardian that stands still, or is killed "
         "where an init of the image is PID 1, does not lead back",
         ""});
}

/// For logins whose PATH does not lead to layout::directory. What the image has there stays.
void link_in(int root) {
  for (const char* directory : {"usr/local/bin", "usr/bin", "bin"}) {
    const UniqueFd there = rootfs::try_open_beneath(root, directory, O_PATH | O_DIRECTORY);
    if (!there) continue;
    const auto target = std::string(layout::directory) + '/' + layout::confirm_name;
    if (::symlinkat(target.c_str(), there.get(), layout::confirm_name) != 0 && errno != EEXIST)
      sys::fail(errno, {"link ", layout::confirm_name, " in the new root"});
    return;
  }
}

}  // namespace

std::chrono::seconds time_for(const Options& options, bool can_log_in) {
  if (options.confirm_within) return *options.confirm_within;
  const bool is_default = !options.rehearse && options.payload.empty() && can_log_in;
  return is_default && guard::is_over_ssh() ? by_default : std::chrono::minutes(0);
}

std::vector<forecast::Obstacle> obstacles(const forecast::Disks& disks) {
  std::vector<forecast::Obstacle> found;
  try {
    look_at_next_boot(found);
    look_at_disks(disks, found);
    look_at_pools(disks, found);
    look_for_watchdog(found);
  } catch (const std::exception& error) {
    found.push_back({std::string("it is not known what else: ") + error.what(), ""});
  }
  return found;
}

void stage(const Staging& staging) {
  sys::check(::symlinkat(layout::payload_name, staging.directory(), layout::confirm_name), "link ",
             layout::confirm_name);
  link_in(staging.root());
  sys::check(::mkdirat(staging.directory(), layout::watchdog_modules_name, 0700), "mkdir ",
             layout::watchdog_modules);
  if (software_watchdog::is_needed())
    software_watchdog::stage(
        sys::open_at(staging.directory(), layout::watchdog_modules_name, O_RDONLY | O_DIRECTORY));
}

}  // namespace dboot::confirmation
