#include "payload/sequence.hpp"

#include <unistd.h>

#include <array>
#include <exception>
#include <string_view>
#include <system_error>

#include "payload/phase.hpp"
#include "payload/phases/api_mounts.hpp"
#include "payload/phases/failure.hpp"
#include "payload/phases/hand_over.hpp"
#include "payload/phases/mounts.hpp"
#include "payload/phases/proof.hpp"
#include "payload/phases/release.hpp"
#include "payload/phases/supervise.hpp"
#include "payload/phases/sync.hpp"
#include "shared/log.hpp"

namespace dboot {
namespace {

Task<> wake(Takeover& takeover) {
  log::info("dboot-init " DBOOT_VERSION,
            {{"scope", takeover.permissions.on_machine() ? "machine" : "namespace"},
             {"injector", takeover.plan.injector_version}});
  co_return;
}

Task<> console(Takeover& takeover) {
  co_await takeover.console.start(takeover.plan.console);
}

Task<> sync(Takeover& takeover) {
  co_await sync_disks(takeover.permissions);
}

Task<> terminate(Takeover& takeover) {
  co_await takeover.terminator.end_all(takeover.plan.grace);
  // The session that had the terminal may have hung it up.
  co_await takeover.console.restart();
}

Task<> release(Takeover& takeover) {
  const auto permissions = takeover.permissions;
  const auto before = mounts::current();
  auto disks = proof::collect(permissions);
  api_mounts::make_private();
  co_await mounts::clear_binfmt_misc(before, permissions);
  {
    const api_mounts::NewRoot new_root;
    new_root.pivot();
    new_root.mount_all(takeover.devices, permissions);
  }
  co_await release_old_root(takeover.devices, permissions, takeover.terminator);
  const auto count = disks.size();
  auto proving = proof::check(std::move(disks), takeover.devices, permissions);
  const auto busy = co_await std::move(proving);
  log::info("old root released", {{"disks", count}, {"busy", busy}});
}

struct Phase {
  std::string_view name;
  Task<> (*run)(Takeover& takeover);
};

/// What happens between execve in the old PID 1 and the start of the new system, in this order.
constexpr std::array sequence{
    Phase{"wake", &wake},           Phase{"console", &console}, Phase{"sync", &sync},
    Phase{"terminate", &terminate}, Phase{"release", &release}, Phase{"hand-over", &hand_over},
};

Task<> run_phases(Takeover& takeover) {
  for (const auto& phase : sequence) {
    auto running = run_phase(phase.name, phase.run(takeover));
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

Task<> start(Takeover& takeover) {
  try {
    if (takeover.plan.start == Start::exec) co_await execute(takeover);
    co_await supervise(takeover);
  } catch (const std::system_error& error) {
    if (!takeover.permissions.on_machine()) end_rehearsal(error);
    throw;
  }
}

}  // namespace

Task<> take_over(Takeover& takeover) {
  std::string reason;
  // Before the first line, which shall be in the kernel's log too.
  log::set_phase("wake");
  takeover.kernel_log.take(takeover.devices);
  try {
    co_await run_phases(takeover);
    co_await start(takeover);
  } catch (const std::exception& error) {
    reason = error.what();
  }
  auto way_out = give_way_out(takeover, std::move(reason));
  co_await std::move(way_out);
}

Task<> refuse(Takeover& takeover, std::string reason) {
  takeover.kernel_log.take(takeover.devices);
  co_await takeover.console.start(takeover.plan.console);
  auto way_out = give_way_out(takeover, std::move(reason));
  co_await std::move(way_out);
}

}  // namespace dboot
