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
#include "injector/report.hpp"
#include "injector/rootfs/beneath.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::confirmation {
namespace {

constexpr std::chrono::minutes by_default{10};

void tell_disks(const forecast::Disks& disks) {
  std::vector<std::string> uncounted;
  for (const auto& disk : disks.disks) {
    if (!disk.is_released())
      report::warning(
          "what is written to a disk that stays busy cannot be told from the old system",
          {{"disk", disk.name}});
    if (sys::read_file_or_empty("/sys/block/" + disk.name + "/queue/iostats") == "0\n")
      uncounted.push_back(disk.name);
  }
  if (!uncounted.empty())
    report::warning(
        "writes to disks are not counted: they are looked at from time to time",
        {{"disks", joined(uncounted, ",")}, {"mend", "echo 1 >/sys/block/DISK/queue/iostats"}});
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

void tell_obstacles(const forecast::Disks& disks) {
  try {
    for (const auto& [what, mend] : next_boot::one_time_entries())
      report::warning("the next boot would lead elsewhere, once", {{"by", what}, {"mend", mend}});
    tell_disks(disks);
  } catch (const std::exception& error) {
    report::warning("what would keep the machine from coming back is not known",
                    {{"reason", error.what()}});
  }
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
