#include "payload/system/power.hpp"

#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>

#include "payload/processes/terminator.hpp"
#include "payload/release/mounts.hpp"
#include "payload/release/write_back.hpp"
#include "payload/system/blocking.hpp"
#include "payload/system/last_resort.hpp"
#include "shared/log/log.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;

/// Disks that the new system has mounted: unmounted, or at least read-only.
Task<> let_go_of_disks() {
  blocking::Work work = [](const blocking::Report&) {
    for (const auto& mount : unmount_order(mounts::current(), "/")) {
      const char* path = mount.mount_point.c_str();
      if (major(mount.device) == 0 || mount.mount_point == "/") continue;
      if (::umount2(path, UMOUNT_NOFOLLOW) != 0)
        ::mount(nullptr, path, nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
    }
  };
  auto child = blocking::run("unmount", 30s, std::move(work));
  const auto outcome = co_await std::move(child);
  if (!outcome.finished()) log::warning("disks not unmounted", {{"reason", outcome.error}});
}

}  // namespace

std::string_view to_string(Power power) {
  static constexpr std::array<std::string_view, 3> names{"reboot", "poweroff", "halt"};
  return names.at(static_cast<std::size_t>(power));
}

Task<> end_machine(Power power) {
  blocking::Work work = [power](const blocking::Report&) {
    static constexpr std::array<unsigned, 3> commands{RB_AUTOBOOT, RB_POWER_OFF, RB_HALT_SYSTEM};
    const auto command = commands.at(static_cast<std::size_t>(power));
    sys::check(::reboot(static_cast<int>(command)), to_string(power));
  };
  auto child = blocking::run("reboot", 30s, std::move(work));
  const auto outcome = co_await std::move(child);
  log::error("the kernel does not end the machine", {{"reason", outcome.error}});
}

Task<> end_system(Power power, std::chrono::milliseconds grace, Permissions permissions) {
  log::set_phase("power");
  log::info("the system ends", {{"by", to_string(power)}});
  {
    Terminator terminator(co_await boost::asio::this_coro::executor);
    co_await terminator.end_all(grace);
  }
  if (!permissions.allows_logged(Action::reboot)) {
    log::flush();
    ::_exit(0);
  }
  co_await let_go_of_disks();
  co_await sync_disks(permissions);
  log::flush();
  co_await end_machine(power);
  last_resort::act("dboot-init: the machine does not end as asked\n");
}

}  // namespace dboot
