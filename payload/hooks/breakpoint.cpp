#include "payload/hooks/breakpoint.hpp"

#include <chrono>
#include <exception>
#include <optional>

#include "payload/children/session.hpp"
#include "payload/condition.hpp"
#include "payload/init/power.hpp"
#include "payload/init/request_listener.hpp"
#include "payload/init/rescue_shell.hpp"
#include "shared/plan/layout.hpp"

namespace dboot {
namespace {

using Clock = std::chrono::steady_clock;

class Breakpoint {
 public:
  Breakpoint(Context& context, const boost::asio::any_io_executor& executor)
      : context_(context), changed_(executor), requests_(context, executor, changed_) {}

  Task<> run(std::vector<std::string> environment) {
    const auto end = Clock::now() + context_.plan.break_timeout;
    auto starting = start_rescue_shell(context_, std::move(environment), note_end());
    const pid_t shell = co_await std::move(starting);
    while (!ended_ && !requests_.requested() && Clock::now() < end)
      co_await changed_.wait_until(end);
    if (!ended_) context_.children.forget(shell);
    co_await end_session(shell);
    if (const auto power = requests_.requested()) co_await end_system(context_, *power);
    if (ended_) co_return context_.log.info("going on");
    context_.log.warning("nobody has left the shell in time");
    if (context_.plan.on_break == OnBreak::reboot) co_await end_system(context_, Power::reboot);
  }

 private:
  Children::Ended note_end() {
    return [this](int) {
      ended_ = true;
      changed_.notify();
    };
  }

  Context& context_;
  Condition changed_;
  AdmittedRequests requests_;
  bool ended_ = false;
};

}  // namespace

Task<> stop_at(Context& context, const Place& place) {
  auto& log = context.log;
  const auto& plan = context.plan;
  if (context.permissions.on_machine() && !context.console.is_interactive()) {
    log.warning("no console for a shell: going on", {{"at", to_string(place)}});
    co_return;
  }
  log.info("stopped: exit goes on, reboot reboots",
           {{"at", to_string(place)},
            {"for", plan.break_timeout},
            {"then", plan.on_break == OnBreak::reboot ? "reboot" : "go on"},
            {"record", layout::payload_log}});
  co_await context.console.show_all();
  try {
    Breakpoint breakpoint(context, co_await boost::asio::this_coro::executor);
    std::vector<std::string> environment{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
                                         "DBOOT_BREAK=" + to_string(place)};
    auto running = breakpoint.run(std::move(environment));
    co_await std::move(running);
  } catch (const std::exception& error) {
    log.warning("no shell: going on", {{"reason", error.what()}});
  }
}

}  // namespace dboot
