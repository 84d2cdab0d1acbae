#include "payload/phases/start.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>

#include "payload/children/credentials.hpp"
#include "payload/children/program.hpp"
#include "payload/init/power.hpp"
#include "payload/init/requests.hpp"
#include "payload/init/supervisor.hpp"
#include "shared/system/signals.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::phases {
namespace {

Task<> execute(Context& context) {
  auto& plan = context.plan;
  auto opening = context.console.open_stdio();
  const auto stdio = co_await std::move(opening);
  co_await context.console.show_all();
  co_await context.console.stop_log();
  co_await context.kernel_log.restore();
  plan.environment =
      with_terminal_type(std::move(plan.environment), context.console.terminal_type());
  auto argv = pointers_to(plan.arguments);
  auto envp = pointers_to(plan.environment);
  for (std::size_t number = 0; number < stdio.size(); ++number)
    sys::check(::dup2(stdio[number].get(), static_cast<int>(number)), "give it the terminal");
  sys::check(::chdir(plan.working_directory.c_str()), "chdir ", plan.working_directory);
  // The init that they were meant for would never hear of them.
  if (!context.permissions.on_machine() && requests::take(plan.stop_signal) != 0)
    co_await end_system(context, Power::reboot);
  // Handlers go with execve(2), and if it fails they are still there.
  unblock_signals();
  apply(context.limits);
  give_terminals(std::array{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, plan.credentials);
  const bool became = become(plan.credentials);
  if (became) ::execve(plan.executable.c_str(), argv.data(), envp.data());
  const int error = errno;
  // The way out needs them.
  become_root_again();
  take_limits();
  if (!became) sys::fail(error, {"become user ", std::to_string(plan.credentials.uid)});
  sys::fail(error, {"execute ", plan.executable});
}

/// 127 when there is no such command, 126 when it cannot be run, as a shell has it.
Task<> end_rehearsal(Context& context, std::system_error error) {
  constexpr int not_found = 127;
  constexpr int not_runnable = 126;
  auto& log = context.log;
  // The command would have had it from here on.
  co_await context.console.restart();
  log.error("the command cannot be started", {{"reason", error.what()}});
  co_await context.console.show_all();
  ::_exit(error.code().value() == ENOENT ? not_found : not_runnable);
}

}  // namespace

Task<> start(Context& context) {
  context.guardian.begin();
  std::optional<std::system_error> failure;
  try {
    if (context.plan.start == Start::exec) {
      co_await execute(context);
    } else {
      co_await supervise(context);
    }
  } catch (const std::system_error& error) {
    failure = error;
  }
  if (!failure) co_return;
  if (context.permissions.on_machine()) throw std::system_error(*failure);
  co_await end_rehearsal(context, *failure);
}

}  // namespace dboot::phases
