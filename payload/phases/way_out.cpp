#include "payload/phases/way_out.hpp"

#include <unistd.h>

#include <exception>
#include <optional>

#include "payload/condition.hpp"
#include "payload/console/prompt.hpp"
#include "payload/init/power.hpp"
#include "payload/init/rescue_shell.hpp"

namespace dboot::phases {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto without_a_person = 10min;
constexpr auto before_reboot = 10s;
constexpr const char* question =
    "\r\nPress a key for a shell, or r to reboot. Without one the machine reboots in ten "
    "minutes.\r\n";

class WayOut {
 public:
  WayOut(Context& context, const boost::asio::any_io_executor& executor)
      : context_(context), executor_(executor), changed_(executor) {}

  Task<> run() {
    if (context_.plan.on_failure == OnFailure::shell) {
      while (co_await somebody_is_there()) co_await run_shell();
      context_.log.error("rebooting");
    } else {
      context_.log.error("rebooting", {{"in", before_reboot}});
      const auto end = Clock::now() + before_reboot;
      while (Clock::now() < end) co_await changed_.wait_until(end);
    }
    // In good order, for what a person has repaired is to stay.
    co_await end_system(context_, Power::reboot);
  }

 private:
  Task<bool> somebody_is_there() {
    const auto end = Clock::now() + without_a_person;
    std::optional<Prompt> prompt;
    // The question comes behind the lines.
    co_await context_.console.show_all();
    auto looking = has_rescue_shell(context_);
    if (co_await std::move(looking) && context_.console.is_interactive())
      prompt.emplace(
          context_.children, executor_, [this] { return context_.console.open_interactive(); },
          changed_, question);
    if (!prompt) context_.log.error("no shell or no console: rebooting in ten minutes");
    while (Clock::now() < end) {
      if (prompt && prompt->key()) co_return prompt->key() != 'r';
      co_await changed_.wait_until(end);
    }
    co_return false;
  }

  Task<> run_shell() {
    bool ended = false;
    Children::Ended on_end = [&](int) {
      ended = true;
      changed_.notify();
    };
    std::vector<std::string> environment{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/"};
    try {
      auto starting = start_rescue_shell(context_, std::move(environment), std::move(on_end));
      co_await std::move(starting);
      while (!ended) co_await changed_.wait();
    } catch (const std::exception& error) {
      context_.log.error("no shell", {{"reason", error.what()}});
    }
  }

  Context& context_;
  boost::asio::any_io_executor executor_;
  Condition changed_;
};

}  // namespace

Task<> way_out(Context& context, std::string reason) {
  context.log.begin_phase("failure");
  context.guardian.relieve();
  // The kernel's log and the consoles may have been left to the new system already.
  context.kernel_log.take(context.devices);
  co_await context.disk_log.let_go();
  try {
    co_await context.console.restart();
  } catch (const std::exception& error) {
    context.log.error("consoles not opened again", {{"reason", error.what()}});
  }
  if (!context.console.shows_log()) context.kernel_log.show_on_consoles();
  context.log.error("the takeover has failed", {{"reason", reason}});
  if (!context.permissions.on_machine()) {
    co_await context.console.show_all();
    ::_exit(LastResort::exit_status);
  }
  // Somebody may come in by them to see why.
  co_await context.companions.start(context.plan.companions, context.limits);
  WayOut way_out(context, co_await boost::asio::this_coro::executor);
  co_await way_out.run();
}

}  // namespace dboot::phases
