#include "payload/sequence.hpp"

#include <unistd.h>

#include <array>
#include <exception>
#include <string_view>
#include <system_error>

#include "payload/devices/proof.hpp"
#include "payload/phases/hand_over.hpp"
#include "payload/phases/release.hpp"
#include "payload/phases/supervise.hpp"
#include "payload/phases/way_out.hpp"
#include "payload/release/mounts.hpp"
#include "payload/release/write_back.hpp"
#include "payload/run_phase.hpp"
#include "payload/system/new_root.hpp"
#include "shared/log/log.hpp"

namespace dboot {
namespace {

Task<> wake(Context& context) {
  log::info("dboot-init " DBOOT_VERSION,
            {{"scope", context.permissions.on_machine() ? "machine" : "namespace"},
             {"injector", context.plan.injector_version}});
  co_return;
}

Task<> console(Context& context) {
  co_await context.console.start(context.plan.console);
}

Task<> sync(Context& context) {
  co_await sync_disks(context.permissions);
}

Task<> terminate(Context& context) {
  co_await context.terminator.end_all(context.plan.grace);
  // The session that had the terminal may have hung it up.
  co_await context.console.restart();
}

Task<> release(Context& context) {
  const auto permissions = context.permissions;
  const auto before = mounts::current();
  auto disks = proof::collect(permissions);
  make_private();
  co_await mounts::clear_binfmt_misc(before, permissions);
  {
    const NewRoot new_root;
    new_root.pivot();
    new_root.mount_all(context.devices, permissions);
  }
  co_await release_old_root(context.devices, permissions, context.terminator);
  const auto count = disks.size();
  auto proving = proof::check(std::move(disks), context.devices, permissions);
  const auto busy = co_await std::move(proving);
  log::info("old root released", {{"disks", count}, {"busy", busy}});
}

struct Phase {
  std::string_view name;
  Task<> (*run)(Context& context);
};

/// What happens between execve in the old PID 1 and the start of the new system, in this order.
constexpr std::array sequence{
    Phase{"wake", &wake},           Phase{"console", &console}, Phase{"sync", &sync},
    Phase{"terminate", &terminate}, Phase{"release", &release}, Phase{"hand-over", &hand_over},
};

Task<> run_phases(Context& context) {
  for (const auto& phase : sequence) {
    auto running = run_phase(phase.name, phase.run(context));
    co_await std::move(running);
  }
}

/// 127 when there is no such command, 126 when it cannot be run, as a shell has it.
[[noreturn]] void end_rehearsal(const std::system_error& error) {
  constexpr int not_found = 127;
  constexpr int not_runnable = 126;
  log::error("the command cannot be started", {{"reason", error.what()}});
  log::flush();
  ::_exit(error.code().value() == ENOENT ? not_found : not_runnable);
}

Task<> start(Context& context) {
  try {
    if (context.plan.start == Start::exec) co_await execute(context);
    co_await supervise(context);
  } catch (const std::system_error& error) {
    if (!context.permissions.on_machine()) end_rehearsal(error);
    throw;
  }
}

}  // namespace

Task<> take_over(Context& context) {
  std::string reason;
  // Before the first line, which shall be in the kernel's log too.
  log::set_phase("wake");
  context.kernel_log.take(context.devices);
  try {
    co_await run_phases(context);
    co_await start(context);
  } catch (const std::exception& error) {
    reason = error.what();
  }
  auto way_out = give_way_out(context, std::move(reason));
  co_await std::move(way_out);
}

Task<> refuse(Context& context, std::string reason) {
  context.kernel_log.take(context.devices);
  co_await context.console.start(context.plan.console);
  auto way_out = give_way_out(context, std::move(reason));
  co_await std::move(way_out);
}

}  // namespace dboot
