#include "payload/sequence.hpp"

#include <unistd.h>

#include <exception>
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
#include "payload/processes/terminator.hpp"
#include "shared/log.hpp"

namespace dboot {
namespace {

Task<> begin(Takeover& takeover) {
  // Before the first line, which shall be in the kernel's log too.
  log::set_phase("wake");
  takeover.kernel_log.take(takeover.devices);
  const Phase phase("wake");
  log::info("dboot-init " DBOOT_VERSION,
            {{"scope", takeover.permissions.on_machine() ? "machine" : "namespace"},
             {"injector", takeover.plan.injector_version}});
  co_return;
}

Task<> release(Takeover& takeover, Terminator& terminator) {
  const Phase phase("release");
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
  co_await release_old_root(takeover.devices, permissions, terminator);
  const auto count = disks.size();
  auto proving = proof::check(std::move(disks), takeover.devices, permissions);
  const auto busy = co_await std::move(proving);
  log::info("old root released", {{"disks", count}, {"busy", busy}});
}

Task<> run_phases(Takeover& takeover) {
  co_await begin(takeover);
  {
    const Phase phase("console");
    co_await takeover.console.start(takeover.plan.console);
  }
  {
    const Phase phase("sync");
    co_await sync_disks(takeover.permissions);
  }
  Terminator terminator(co_await boost::asio::this_coro::executor);
  {
    const Phase phase("terminate");
    co_await terminator.end_all(takeover.plan.grace);
    co_await takeover.console.restart();
  }
  co_await release(takeover, terminator);
  {
    const Phase phase("hand-over");
    co_await hand_over(takeover);
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
