#include "payload/phases/hand_over.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "payload/processes/credentials.hpp"
#include "payload/processes/spawn.hpp"
#include "payload/system/blocking.hpp"
#include "payload/system/fresh_process.hpp"
#include "payload/system/old_cgroups.hpp"
#include "shared/log/log.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

void restore_kernel_panic(const Plan& plan, Permissions permissions) {
  if (!plan.kernel_panic || !permissions.allows_logged(Action::write_sysctl)) return;
  try {
    sys::write_file("/proc/sys/kernel/panic", std::to_string(*plan.kernel_panic));
  } catch (const std::system_error& error) {
    log::warning("kernel.panic not put back", {{"reason", error.what()}});
  }
}

}  // namespace

Task<> hand_over(Context& context) {
  const auto& plan = context.plan;
  co_await leave_old_cgroups(context.permissions);
  if (auto limits = limits_of_kernel(context.permissions); !limits.empty())
    context.limits = std::move(limits);
  become_fresh(plan.hostname, context.permissions);
  restore_kernel_panic(plan, context.permissions);
  log::info("starting", {{"executable", plan.executable},
                         {"as", plan.start == Start::exec ? "init" : "supervised command"}});
}

Task<> execute(Context& context) {
  auto& plan = context.plan;
  auto opening = context.console.open_stdio();
  const auto stdio = co_await std::move(opening);
  context.console.stop_log();
  co_await context.kernel_log.restore();
  log::flush();
  plan.environment =
      with_terminal_type(std::move(plan.environment), context.console.terminal_type());
  auto argv = pointers_to(plan.arguments);
  auto envp = pointers_to(plan.environment);
  for (std::size_t number = 0; number < stdio.size(); ++number)
    ::dup2(stdio[number].get(), static_cast<int>(number));
  sys::check(::chdir(plan.working_directory.c_str()), "chdir ", plan.working_directory);
  blocking::reset_signals();
  apply(context.limits);
  give_terminals(std::array{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, plan.credentials);
  const bool became = become(plan.credentials);
  if (became) ::execve(plan.executable.c_str(), argv.data(), envp.data());
  const int error = errno;
  // The way out needs them.
  become_root_again();
  wake::take_limits();
  if (!became) sys::fail(error, {"become user ", std::to_string(plan.credentials.uid)});
  sys::fail(error, {"execute ", plan.executable});
}

}  // namespace dboot
