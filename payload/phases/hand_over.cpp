#include "payload/phases/hand_over.hpp"

#include <exception>
#include <system_error>

#include "payload/cgroups/leave.hpp"
#include "payload/system/fresh_process.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::phases {
namespace {

void restore_kernel_panic(Context& context) {
  const auto& value = context.plan.kernel_panic;
  if (!value || !context.permissions.allows(Action::write_sysctl)) return;
  try {
    context.log.call("write", "kernel.panic",
                     [&] { sys::write_file("/proc/sys/kernel/panic", std::to_string(*value)); });
  } catch (const std::system_error& error) {
    context.log.warning("kernel.panic not put back", {{"reason", error.what()}});
  }
}

/// Whatever leads back to the old system stays until somebody has confirmed the new one.
Task<> leave_way_back(Context& context) {
  if (context.guardian.is_wanted()) {
    auto passing = context.watchdogs.pass_on();
    auto watchdogs = co_await std::move(passing);
    std::exception_ptr failure;
    try {
      co_await context.guardian.start(std::move(watchdogs));
    } catch (const std::exception&) {
      failure = std::current_exception();
    }
    if (!failure) co_return;
    // Who sees why has to have time for it.
    co_await context.watchdogs.keep_fed();
    std::rethrow_exception(failure);
  } else {
    restore_kernel_panic(context);
    co_await context.watchdogs.let_go(context.plan.start);
  }
}

}  // namespace

Task<> hand_over(Context& context) {
  const auto& plan = context.plan;
  co_await leave_old_cgroups(context.log, context.children, context.permissions);
  if (auto limits = limits_of_kernel(context.log, context.permissions); !limits.empty())
    context.limits = std::move(limits);
  become_fresh(context.log, plan.hostname, context.permissions);
  co_await leave_way_back(context);
  co_await context.companions.start(plan.companions, context.limits);
  context.log.info("starting", {{"executable", plan.executable},
                                {"as", plan.start == Start::exec ? "init" : "supervised command"}});
}

}  // namespace dboot::phases
