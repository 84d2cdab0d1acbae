#include "payload/init/power.hpp"

#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

#include <array>
#include <set>
#include <string>

#include "payload/children/blocking.hpp"
#include "payload/release/loop.hpp"
#include "payload/release/stack.hpp"
#include "payload/release/write_back.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;

Task<blocking::Outcome> run_for(Context& context, const Mount& mount, std::string_view call,
                                blocking::Work work) {
  auto child = blocking::run(context.children, std::string(call) + ' ' + mount.mount_point, 20s,
                             std::move(work));
  auto outcome = co_await std::move(child);
  blocking::note_call(context.log, call, mount.mount_point, outcome);
  co_return outcome;
}

/// What lies on a disk, but for the root.
MountTable mounts_of_disks() {
  MountTable mounts;
  for (auto& mount : unmount_order(read_mount_table(), "/")) {
    if (lies_on_disk(mount) && mount.mount_point != "/") mounts.push_back(std::move(mount));
  }
  return mounts;
}

/// A child for each, for one that does not answer must not keep the others. In rounds, for a file
/// that a loop device shows keeps the filesystem that it is in. `hung`: those that do not answer.
Task<> unmount_disks(Context& context, std::set<int>& hung) {
  Stack loops(loop_devices, context.log, context.children, context.devices, context.permissions,
              {});
  for (;;) {
    for (const auto& mount : mounts_of_disks()) {
      if (hung.contains(mount.id)) continue;
      auto unmounting = run_for(context, mount, "umount2", [&mount](const blocking::Report&) {
        sys::check(::umount2(mount.mount_point.c_str(), UMOUNT_NOFOLLOW), "unmount ",
                   mount.mount_point);
      });
      const auto outcome = co_await std::move(unmounting);
      if (outcome.end == blocking::Outcome::End::late) hung.insert(mount.id);
    }
    auto releasing = loops.release(Round::usual);
    if (co_await std::move(releasing) == 0) break;
  }
}

/// Those that do not go become read-only, and so does a root on a disk.
Task<> let_go_of_disks(Context& context) {
  std::set<int> hung;
  auto unmounting = unmount_disks(context, hung);
  co_await std::move(unmounting);
  for (const auto& mount : unmount_order(read_mount_table(), "/")) {
    if (!lies_on_disk(mount) || hung.contains(mount.id)) continue;
    auto changing = run_for(context, mount, "remount read-only", [&](const blocking::Report&) {
      sys::check(
          ::mount(nullptr, mount.mount_point.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr),
          "make read-only ", mount.mount_point);
    });
    const auto outcome = co_await std::move(changing);
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
  // Drivers may be slow to stop many disks.
  auto child = blocking::run(context.children, "reboot", 5min, std::move(work));
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
