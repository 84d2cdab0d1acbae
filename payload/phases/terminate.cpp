#include "payload/phases/terminate.hpp"

#include "payload/cgroups/leave.hpp"
#include "payload/cgroups/thaw.hpp"
#include "payload/network/firewall.hpp"
#include "payload/network/restore.hpp"

namespace dboot::phases {

Task<> terminate(Context& context) {
  co_await leave_memory_group(context.log, context.children, context.permissions);
  co_await thaw_cgroups(context.log, context.children, context.permissions);
  co_await context.terminator.end_all(context.plan.grace);
  if (context.plan.flush_firewall)
    co_await flush_firewall(context.log, context.children, context.permissions);
  co_await restore_network(context.log, context.children, context.permissions,
                           context.plan.network);
  // What comes from here on, nobody could write to a disk that is to be let go of.
  co_await context.disk_log.finish();
  // The old system may have ended what shows the log, or brought another terminal to the screen.
  co_await context.console.restart();
}

}  // namespace dboot::phases
