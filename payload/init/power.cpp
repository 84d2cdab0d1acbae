#include "payload/init/power.hpp"

#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

#include <array>

#include "payload/children/blocking.hpp"
#include "payload/release/write_back.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;

/// Disks that are mounted: unmounted, or at least read-only. A child for each, for one that does
/// not answer must not keep the others.
Task<> let_go_of_disks(Context& context) {
  for (const auto& mount : unmount_order(read_mount_table(), "/")) {
    if (!lies_on_disk(mount)) continue;
    blocking::Work work = [&mount](const blocking::Report&) {
      const char* path = mount.mount_point.c_str();
      if (mount.mount_point != "/" && ::umount2(path, UMOUNT_NOFOLLOW) == 0) return;
      sys::check(::mount(nullptr, path, nullptr, MS_REMOUNT | MS_RDONLY, nullptr),
                 "make read-only ", path);
    };
    auto child =
        blocking::run(context.children, "unmount " + mount.mount_point, 20s, std::move(work));
    const auto outcome = co_await std::move(child);
    blocking::note_call(context.log, "umount2 or remount", mount.mount_point, outcome);
    if (!outcome.finished())
      context.log.warning("disk not unmounted",
                          {{"mount", mount.mount_point}, {"reason", outcome.error}});
  }
}

}  // namespace

std::string_view to_string(Power power) {
  static constexpr std::array<std::string_view, 3> names{"reboot", "poweroff", "halt"};
  return names.at(static_cast<std::size_t>(power));
}

namespace {

Task<> end_processes(Context& context) {
  Terminator terminator(context.log, context.children, context.permissions,
                        co_await boost::asio::this_coro::executor);
  co_await terminator.end_all(context.plan.grace);
}

/// Whatever fails on the way, the machine is to end.
Task<> attempt(Context& context, std::string_view what, Task<> step) {
  try {
    co_await std::move(step);
  } catch (const std::exception& error) {
    context.log.error("going on without it", {{"what", what}, {"reason", error.what()}});
  }
}

Task<> end_machine(Context& context, Power power) {
  blocking::Work work = [power](const blocking::Report&) {
    static constexpr std::array<unsigned, 3> commands{RB_AUTOBOOT, RB_POWER_OFF, RB_HALT_SYSTEM};
    const auto command = commands.at(static_cast<std::size_t>(power));
    sys::check(::reboot(static_cast<int>(command)), to_string(power));
  };
  auto child = blocking::run(context.children, "reboot", 30s, std::move(work));
  const auto outcome = co_await std::move(child);
  context.log.error("the kernel does not end the machine", {{"reason", outcome.error}});
}

}  // namespace

Task<> end_system(Context& context, Power power) {
  context.log.begin_phase("power");
  context.log.info("the system ends", {{"by", to_string(power)}});
  context.companions.let_end();
  auto ending = end_processes(context);
  co_await attempt(context, "end all processes", std::move(ending));
  if (!context.permissions.allows(Action::reboot)) {
    co_await context.console.show_all();
    ::_exit(0);
  }
  auto letting_go = let_go_of_disks(context);
  co_await attempt(context, "let go of the disks", std::move(letting_go));
  auto writing = write_all_back(context.log, context.children, context.permissions, 2min);
  co_await attempt(context, "write back", std::move(writing));
  co_await context.console.show_all();
  auto rebooting = end_machine(context, power);
  co_await attempt(context, to_string(power), std::move(rebooting));
  context.last_resort.act("the machine does not end as asked");
}

}  // namespace dboot
