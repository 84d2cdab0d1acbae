#include "payload/hooks/breakpoint.hpp"

#include <fcntl.h>

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "payload/children/session.hpp"
#include "payload/condition.hpp"
#include "payload/init/power.hpp"
#include "payload/init/request_listener.hpp"
#include "payload/init/rescue_shell.hpp"
#include "shared/plan/layout.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* functions_name = "breakpoint.sh";
/// The old root's own may ask an init that is gone (systemctl).
constexpr std::string_view functions =
    "reboot() { kill -TERM 1; }\n"
    "poweroff() { kill -USR2 1; }\n"
    "halt() { kill -USR1 1; }\n";

/// What an interactive sh reads first (sh(1), ENV). Without it the root's own programs are there.
void write_functions(int directory) {
  try {
    constexpr int flags = O_CREAT | O_WRONLY | O_TRUNC | O_NOFOLLOW;
    sys::write_all(sys::open_at(directory, functions_name, flags, 0600).get(), functions);
  } catch (const std::system_error&) {
    // There is no room.
  }
}

class Breakpoint {
 public:
  Breakpoint(Context& context, const boost::asio::any_io_executor& executor)
      : context_(context), changed_(executor), requests_(context, executor, changed_) {}

  Task<> run(std::vector<std::string> environment) {
    const auto end = Clock::now() + context_.plan.break_timeout;
    auto looking = context_.console.settings();
    const auto settings = co_await std::move(looking);
    auto starting = start_rescue_shell(context_, std::move(environment), note_end());
    const pid_t shell = co_await std::move(starting);
    while (!ended_ && !requests_.requested() && Clock::now() < end)
      co_await changed_.wait_until(end);
    if (!ended_) context_.children.forget(shell);
    co_await settle();
    co_await end_session(shell);
    // A shell that is killed leaves its terminal as it had it: raw.
    co_await context_.console.restore(settings);
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
  // Whatever is shown: somebody is waited for.
  log.warning("stopped: exit goes on, reboot reboots",
              {{"at", to_string(place)},
               {"for", plan.break_timeout},
               {"then", plan.on_break == OnBreak::reboot ? "reboot" : "go on"},
               {"record", layout::payload_log}});
  co_await context.console.show_all();
  try {
    Breakpoint breakpoint(context, co_await boost::asio::this_coro::executor);
    std::vector<std::string> environment{
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "DBOOT_BREAK=" + to_string(place),
        std::string("ENV=") + layout::directory + '/' + functions_name};
    write_functions(context.directory.get());
    auto running = breakpoint.run(std::move(environment));
    co_await std::move(running);
  } catch (const std::exception& error) {
    log.warning("no shell: going on", {{"reason", error.what()}});
  }
}

}  // namespace dboot
