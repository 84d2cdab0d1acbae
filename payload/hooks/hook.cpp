#include "payload/hooks/hook.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include "payload/children/program.hpp"
#include "payload/condition.hpp"
#include "payload/hooks/output.hpp"
#include "payload/init/supervisor.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

UniqueFd duplicate(int fd) {
  constexpr int above_stdio = 3;
  return UniqueFd(sys::check(::fcntl(fd, F_DUPFD_CLOEXEC, above_stdio), "duplicate"));
}

/// Why it did not succeed; empty when it did. Throws std::exception when it cannot be started.
Task<std::string> run(Context& context, const Hook& hook) {
  const auto executor = co_await boost::asio::this_coro::executor;
  Pipe pipe = make_pipe();
  Output output(executor, context.log, std::move(pipe.read));
  std::vector<UniqueFd> stdio;
  stdio.push_back(duplicate(STDIN_FILENO));  // /dev/null
  stdio.push_back(duplicate(pipe.write.get()));
  stdio.push_back(std::move(pipe.write));

  Program program{hook.arguments.front(),
                  hook.arguments,
                  {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "DBOOT_HOOK=" + describe(hook)}};
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

  const auto end = Clock::now() + context.plan.hook_timeout;
  while (!status && Clock::now() < end) co_await changed.wait_until(end);
  if (!status) context.children.forget(pid);
  // What it has left of its session, too.
  ::kill(-pid, SIGKILL);
  output.finish();
  if (!status) {
    co_return "it has not ended after " + std::to_string(context.plan.hook_timeout.count()) + " ms";
  }
  co_return *status == 0 ? "" : describe_wait_status(*status);
}

}  // namespace

Task<> run_hook(Context& context, const Hook& hook) {
  context.log.info("hook", {{"at", describe(hook)}, {"program", hook.arguments.back()}});
  std::string failure;
  try {
    auto running = run(context, hook);
    failure = co_await std::move(running);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  if (failure.empty()) co_return;
  if (hook.must_succeed)
    throw std::runtime_error("the hook " + hook.arguments.back() + " has failed: " + failure);
  context.log.warning("the hook has failed", {{"reason", failure}});
}

}  // namespace dboot
