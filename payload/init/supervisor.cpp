#include "payload/init/supervisor.hpp"

#include <signal.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <system_error>
#include <utility>

#include "payload/attach/command_terminal.hpp"
#include "payload/children/program.hpp"
#include "payload/condition.hpp"
#include "payload/console/prompt.hpp"
#include "payload/init/power.hpp"
#include "payload/init/request_listener.hpp"
#include "payload/init/requests.hpp"
#include "payload/init/rescue_shell.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// A command that ends at once is not started again in a busy loop.
constexpr auto between_starts = 1s;

int exit_status_of(int status) {
  constexpr int signalled = 128;
  return WIFSIGNALED(status) ? signalled + WTERMSIG(status) : WEXITSTATUS(status);
}

class Supervisor {
 public:
  Supervisor(Context& context, const boost::asio::any_io_executor& executor)
      : context_(context),
        executor_(executor),
        changed_(executor),
        requests_(executor, changed_),
        terminal_(context.log, context.children, context.console, context.directory, executor) {
    // With it the kernel reboots by itself.
    if (context.permissions.allows(Action::reboot))
      context.log.call("reboot", "RB_DISABLE_CAD", ::reboot(RB_DISABLE_CAD) == 0 ? 0 : errno);
  }

  Task<> run() {
    for (bool again = false;; again = true) {
      auto starting = start_command(again);
      const bool started = co_await std::move(starting);
      if (started) co_await wait_for_its_end();
      co_await terminal_.close();
      if (started) {
        command_.reset();
        end_ = "has ended (" + describe_wait_status(*status_) + ")";
        context_.log.info("the command has ended", {{"how", describe_wait_status(*status_)}});
        if (!context_.permissions.on_machine()) co_await leave_namespace();
      }
      co_await after_the_end(started);
    }
  }

 private:
  Task<> end(Power power) { co_await end_system(context_, power); }

  Task<> obey() {
    if (!requests_.requested()) co_return;
    co_await stop_command();
    co_await end(*requests_.requested());
  }

  /// An image that names a signal has a command that ends in good order with no other, so that it
  /// comes before everything else is asked.
  Task<> stop_command() {
    const int signal = context_.plan.stop_signal;
    if (!command_ || status_ || signal == SIGTERM) co_return;
    context_.log.info("the command is asked to end", {{"pid", *command_}, {"signal", signal}});
    ::kill(*command_, signal);
    ::kill(*command_, SIGCONT);
    const auto end = Clock::now() + context_.plan.grace;
    while (!status_ && Clock::now() < end) co_await changed_.wait_until(end);
    context_.log.info("the command has ended",
                      {{"how", status_ ? describe_wait_status(*status_) : "not yet"}});
  }

  /// Empty where it cannot be had.
  Task<std::vector<UniqueFd>> try_to_open_terminal() {
    try {
      auto opening = terminal_.open();
      co_return co_await std::move(opening);
    } catch (const std::system_error& error) {
      context_.log.warning("the command cannot be attached to", {{"reason", error.what()}});
    }
    co_return std::vector<UniqueFd>();
  }

  /// One that others may attach to, where that can be had.
  Task<std::vector<UniqueFd>> open_stdio() {
    std::vector<UniqueFd> stdio;
    if (context_.plan.attachable) {
      auto opening = try_to_open_terminal();
      stdio = co_await std::move(opening);
    }
    if (!stdio.empty()) co_return stdio;
    auto opening = context_.console.open_stdio();
    co_return co_await std::move(opening);
  }

  Task<pid_t> start(Program program) {
    auto opening = open_stdio();
    auto stdio = co_await std::move(opening);
    program.limits = context_.limits;
    program.environment =
        with_terminal_type(std::move(program.environment), context_.console.terminal_type());
    auto starting =
        start_program(context_.children, std::move(program), std::move(stdio), note_end());
    co_return co_await std::move(starting);
  }

  Children::Ended note_end() {
    status_.reset();
    return [this](int status) {
      status_ = status;
      changed_.notify();
    };
  }

  /// Nothing is waited for before it is looked at: what came while nobody waited has told nobody.
  Task<> wait_for_its_end() {
    for (;;) {
      if (status_) co_await settle();
      co_await obey();
      if (status_) co_return;
      co_await changed_.wait();
    }
  }

  /// False when it cannot be started again; the first time that is an error.
  Task<bool> start_command(bool again) {
    const auto now = Clock::now();
    while (now < last_start_ + between_starts && Clock::now() < last_start_ + between_starts) {
      co_await obey();
      co_await changed_.wait_until(last_start_ + between_starts);
    }
    last_start_ = Clock::now();
    const auto& plan = context_.plan;
    Program program{plan.executable, plan.arguments, plan.environment, plan.working_directory, "/",
                    plan.credentials};
    std::optional<std::system_error> failure;
    try {
      auto starting = start(std::move(program));
      command_ = co_await std::move(starting);
    } catch (const std::system_error& error) {
      failure = error;
    }
    if (!failure) co_return true;
    // The console is for whoever is asked what is to come.
    co_await terminal_.close();
    if (!again || !context_.console.is_interactive()) throw std::system_error(*failure);
    context_.log.error("the command cannot be started again", {{"reason", failure->what()}});
    end_ = "cannot be started again (" + std::string(failure->what()) + ")";
    co_return false;
  }

  Task<> leave_namespace() {
    co_await context_.console.show_all();
    ::_exit(exit_status_of(*status_));
  }

  /// Returns when the command is to be started again.
  Task<> after_the_end(bool started) {
    // Over and over it would fail again: a person decides.
    if (!started) co_return co_await menu();
    switch (resolve(context_.plan.on_exit, context_.console.is_interactive())) {
      case OnExit::restart:
        co_return;
      case OnExit::poweroff:
        co_await end(Power::off);
        break;
      case OnExit::menu:
        co_await menu();
        break;
      default:
        co_await end(Power::reboot);
    }
  }

  /// The key that is pressed; without a terminal it is that of a reboot.
  Task<char> ask(std::string question) {
    const Prompt prompt(
        context_.children, executor_, [this] { return context_.console.open_interactive(); },
        changed_, std::move(question));
    for (;;) {
      co_await obey();
      if (const auto key = prompt.key()) co_return *key;
      if (prompt.is_lost()) co_return 'r';
      co_await changed_.wait();
    }
  }

  Task<> menu() {
    for (;;) {
      auto asking = ask("\r\nThe command " + end_ +
                        ".\r\n[s]tart it again, s[h]ell, [r]eboot or [p]oweroff? ");
      switch (const char key = co_await std::move(asking); key) {
        case 's':
          co_return;
        case 'h':
          co_await run_shell();
          break;
        case 'r':
          co_await end(Power::reboot);
          break;
        case 'p':
          co_await end(Power::off);
          break;
        default:
          break;
      }
    }
  }

  Task<> run_shell() {
    try {
      auto starting = start_rescue_shell(context_, context_.plan.environment, note_end());
      co_await std::move(starting);
      co_await wait_for_its_end();
    } catch (const std::exception& error) {
      context_.log.error("no shell", {{"reason", error.what()}});
    }
  }

  Context& context_;
  boost::asio::any_io_executor executor_;
  Condition changed_;
  RequestListener requests_;
  CommandTerminal terminal_;
  std::optional<int> status_;
  std::optional<pid_t> command_;  ///< while it runs
  std::string end_;               ///< how it came to it, as the menu says it
  Clock::time_point last_start_;
};

}  // namespace

OnExit resolve(OnExit on_exit, bool interactive) {
  if (on_exit == OnExit::automatic || on_exit == OnExit::menu)
    return interactive ? OnExit::menu : OnExit::reboot;
  return on_exit;
}

std::string describe_wait_status(int status) {
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

Task<> supervise(Context& context) {
  Supervisor supervisor(context, co_await boost::asio::this_coro::executor);
  context.log.begin_phase("supervise");
  co_await context.console.stop_log();
  co_await context.kernel_log.restore();
  requests::admit(context.plan.stop_signal);
  co_await supervisor.run();
}

}  // namespace dboot
