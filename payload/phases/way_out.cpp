#include "payload/phases/way_out.hpp"

#include <unistd.h>

#include <array>
#include <optional>
#include <system_error>

#include "payload/condition.hpp"
#include "payload/console/prompt.hpp"
#include "payload/processes/spawn.hpp"
#include "payload/system/last_resort.hpp"
#include "payload/system/new_root.hpp"
#include "payload/system/power.hpp"
#include "shared/log/log.hpp"
#include "shared/plan/layout.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto without_a_person = 10min;
constexpr auto before_reboot = 10s;

/// A shell that is there: in this root, or, where the new one has none, in the old or the prepared
/// one.
std::optional<Program> find_shell() {
  for (const std::string root : {"", layout::old_root, layout::root}) {
    for (const std::string shell : {"/bin/bash", "/bin/sh", "/usr/bin/sh", "/bin/busybox"}) {
      if (::access((root + shell).c_str(), X_OK) != 0) continue;
      Program program{shell, {"sh", "-i"}, {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/"}};
      if (!root.empty()) program.root = root;
      return program;
    }
  }
  return std::nullopt;
}

class WayOut {
 public:
  WayOut(Context& context, const boost::asio::any_io_executor& executor)
      : context_(context), executor_(executor), changed_(executor) {}

  Task<> run() {
    if (context_.plan.on_failure == OnFailure::shell) {
      while (co_await somebody_is_there()) co_await run_shell();
      log::error("nobody there: rebooting");
    } else {
      log::error("rebooting", {{"in", before_reboot}});
      const auto end = Clock::now() + before_reboot;
      while (Clock::now() < end) co_await changed_.wait_until(end);
    }
    log::flush();
    co_await end_machine(Power::reboot);
    last_resort::act("dboot-init: the machine does not reboot as asked\n");
  }

 private:
  Task<bool> somebody_is_there() {
    const auto end = Clock::now() + without_a_person;
    auto opening = context_.console.open_interactive();
    UniqueFd terminal = co_await std::move(opening);
    std::optional<Prompt> prompt;
    if (terminal && find_shell())
      prompt.emplace(executor_, std::move(terminal), changed_,
                     "\r\nPress a key for a shell. Without one the machine reboots in ten "
                     "minutes.\r\n");
    while (Clock::now() < end) {
      co_await changed_.wait_until(end);
      if (prompt && prompt->take_key()) co_return true;
    }
    co_return false;
  }

  Task<> run_shell() {
    auto shell = find_shell();
    if (!shell) co_return;
    auto opening = context_.console.open_stdio();
    auto stdio = co_await std::move(opening);
    shell->limits = context_.limits;
    shell->environment =
        with_terminal_type(std::move(shell->environment), context_.console.terminal_type());
    bool ended = false;
    std::function<void(int)> on_end = [&](int) {
      ended = true;
      changed_.notify();
    };
    try {
      auto starting =
          spawn(std::move(*shell), std::move(stdio), context_.reaper, std::move(on_end));
      co_await std::move(starting);
      while (!ended) co_await changed_.wait();
    } catch (const std::system_error& error) {
      log::error("no shell", {{"reason", error.what()}});
    }
  }

  Context& context_;
  boost::asio::any_io_executor executor_;
  Condition changed_;
};

}  // namespace

Task<> give_way_out(Context& context, std::string reason) {
  log::set_phase("failure");
  // Both had been left to the new system when its start failed.
  context.kernel_log.take(context.devices);
  co_await context.console.restart();
  log::error(reason);
  if (!context.permissions.on_machine()) {
    log::flush();
    ::_exit(last_resort::exit_status);
  }
  WayOut way_out(context, co_await boost::asio::this_coro::executor);
  co_await way_out.run();
}

}  // namespace dboot
