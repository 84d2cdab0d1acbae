#include "payload/hooks/hook.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include "payload/children/program.hpp"
#include "payload/children/session.hpp"
#include "payload/condition.hpp"
#include "payload/hooks/output.hpp"
#include "payload/init/power.hpp"
#include "payload/init/request_listener.hpp"
#include "payload/init/supervisor.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using Clock = std::chrono::steady_clock;

UniqueFd duplicate(int fd) {
  constexpr int above_stdio = 3;
  return UniqueFd(sys::check(::fcntl(fd, F_DUPFD_CLOEXEC, above_stdio), "duplicate"));
}

/// Why it did not succeed; empty when it did. Throws std::exception when it cannot be started.
Task<std::string> run(Context& context, const Hook& hook) {
  const auto executor = co_await boost::asio::this_coro::executor;
  sys::Pipe pipe = sys::make_pipe();
  Output output(executor, context.log, std::move(pipe.read));
  std::vector<UniqueFd> stdio;
  stdio.push_back(duplicate(STDIN_FILENO));  // /dev/null
  stdio.push_back(duplicate(pipe.write.get()));
  stdio.push_back(std::move(pipe.write));

  Program program{
      hook.arguments.front(),
      hook.arguments,
      {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "DBOOT_HOOK=" + to_string(hook.at)}};
  program.limits = context.limits;
  // A helper, whom nobody ends but its deadline.
  program.kind = Children::Kind::helper;
  Condition changed(executor);
  std::optional<int> status;
  Children::Ended on_end = [&](int ended) {
    status = ended;
    changed.notify();
  };
  auto starting =
      start_program(context.children, std::move(program), std::move(stdio), std::move(on_end));
  const pid_t pid = co_await std::move(starting);

  // Whoever rehearses may ask for the end meanwhile.
  std::optional<AdmittedRequests> requests;
  if (!context.permissions.on_machine()) requests.emplace(context, executor, changed);
  const auto is_asked_to_end = [&] { return requests && requests->requested(); };
  const auto end = Clock::now() + context.plan.hook_timeout;
  while (!status && !is_asked_to_end() && Clock::now() < end) co_await changed.wait_until(end);
  if (!status) context.children.forget(pid);
  co_await settle();
  co_await end_session(pid);
  output.finish();
  if (is_asked_to_end()) co_await end_system(context, *requests->requested());
  if (!status) {
    co_return "it has not ended after " + std::to_string(context.plan.hook_timeout.count()) + " ms";
  }
  co_return *status == 0 ? "" : describe_wait_status(*status);
}

}  // namespace

Task<> run_hook(Context& context, const Hook& hook) {
  context.log.info("running", {{"at", to_string(hook.at)}, {"program", hook.arguments.back()}});
  std::string failure;
  try {
    auto running = run(context, hook);
    failure = co_await std::move(running);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  if (failure.empty()) co_return;
  if (hook.must_succeed)
    throw std::runtime_error("the hook " + hook.arguments.back() + " at " + to_string(hook.at) +
                             " has failed: " + failure);
  context.log.warning(
      "the hook has failed",
      {{"at", to_string(hook.at)}, {"program", hook.arguments.back()}, {"reason", failure}});
}

}  // namespace dboot
