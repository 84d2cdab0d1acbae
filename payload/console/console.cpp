#include "payload/console/console.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "payload/children/blocking.hpp"
#include "payload/console/terminal_settings.hpp"
#include "shared/console/console_choice.hpp"
#include "shared/plan/layout.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;
constexpr auto to_open = 2s;
constexpr auto to_show = 1s;  // for all of them

bool is_regular_file(const UniqueFd& fd) {
  struct stat status {};
  return ::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode);
}

bool is_terminal(const UniqueFd& fd) {
  return fd && ::isatty(fd.get()) == 1;
}

}  // namespace

/// Empty when there is no such terminal, or its driver does not answer.
Task<UniqueFd> Console::open(std::string name, Settings settings) {
  const bool own_it = permissions_.allows(Action::use_consoles);
  blocking::Work work = [&](const blocking::Report& report) {
    const UniqueFd fd = devices_.open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (own_it && virtual_terminal_number(name) > 0) terminal_settings::make_text(fd.get());
    if (settings == Settings::sane) terminal_settings::make_sane(fd.get());
    report.write(name, fd);
  };
  auto child =
      blocking::run(children_, "open /dev/" + name, to_open, std::move(work), {devices_.mount()});
  auto outcome = co_await std::move(child);
  if (!outcome.fds.empty()) co_return std::move(outcome.fds.front());
  log_.info("no console", {{"name", name}, {"reason", outcome.error}});
  co_return UniqueFd();
}

std::string Console::earlier_lines() const {
  try {
    return sys::read_file_at(directory_.get(), layout::payload_log_name);
  } catch (const std::system_error&) {
    return "";
  }
}

/// Not without having seen that it answers.
Task<> Console::open_for_log(std::string name) {
  auto opening = open(name, Settings::as_they_are);
  const UniqueFd terminal = co_await std::move(opening);
  if (!terminal) co_return;
  auto showing = show_log_on(std::move(name));
  co_await std::move(showing);
}

Task<> Console::show_log_on(std::string name) {
  auto shown = shown_.find(name);
  if (shown == shown_.end())
    shown =
        shown_
            .try_emplace(name, log_, children_, devices_, executor_, name, level_, earlier_lines())
            .first;
  try {
    auto starting = shown->second.start();
    co_await std::move(starting);
  } catch (const std::exception& error) {
    log_.info("no console", {{"name", name}, {"reason", error.what()}});
  }
}

Task<> Console::find_in_namespace(const std::string& wanted) {
  if (wanted == "none") co_return;
  auto opening = open("console", Settings::as_they_are);
  UniqueFd console = co_await std::move(opening);
  if (is_terminal(console)) {
    name_ = "console";
    // They may hold a filesystem of the old root.
    inherited_.clear();
    ::dup2(console.get(), STDERR_FILENO);
    auto showing = show_log_on(name_);
    co_await std::move(showing);
  } else if (inherited_.size() > STDERR_FILENO) {
    co_await show_log_on_inherited();
  }
}

/// A pipe, whose reader may not read.
Task<> Console::show_log_on_inherited() {
  const int fd = inherited_[STDERR_FILENO].get();
  if (!inherited_log_)
    inherited_log_.emplace(log_, children_, executor_, level_, log::Stream::Lines{}, "");
  try {
    auto starting = inherited_log_->start("the log on standard error", {fd}, [fd](int socket) {
      log::take_lines(socket, [fd](std::string_view text) {
        sys::write_all(fd, text);
        return text.size();
      });
    });
    co_await std::move(starting);
  } catch (const std::exception& error) {
    log_.info("no log on standard error", {{"reason", error.what()}});
  }
}

Task<> Console::start(const std::string& wanted, const std::vector<std::string>& also) {
  if (!permissions_.allows(Action::use_consoles)) {
    co_await find_in_namespace(wanted);
    for (const auto& name : also)
      log_.info("no console", {{"name", name}, {"reason", "it is the machine's"}});
    co_return;
  }
  const auto choice =
      choose_consoles(sys::read_file_or_empty("/sys/class/tty/console/active"), wanted);
  for (const auto& name : choice.log_to) co_await open_for_log(name);
  for (const auto& name : also) {
    if (!shown_.contains(name)) co_await open_for_log(name);
  }
  name_ = choice.interactive;
  if (!shown_.contains(name_)) {
    const auto other = std::find_if(choice.log_to.rbegin(), choice.log_to.rend(),
                                    [&](const auto& name) { return shown_.contains(name); });
    name_ = other == choice.log_to.rend() ? "" : *other;
  }
  co_await bring_to_screen();
  for (const auto& [name, shown] : shown_) {
    if (shown.is_running())
      log_.info("console", {{"name", name}, {"interactive", name == name_ ? "yes" : "no"}});
  }
}

Task<> Console::restart() {
  std::vector<std::string> names;
  for (const auto& [name, shown] : shown_) {
    if (!shown.is_running()) names.push_back(name);
  }
  for (const auto& name : names) co_await open_for_log(name);
  if (inherited_log_ && !inherited_log_->is_running()) co_await show_log_on_inherited();
  if (permissions_.allows(Action::use_consoles)) co_await bring_to_screen();
}

/// For a virtual terminal.
Task<> Console::bring_to_screen() {
  const auto screen = std::find_if(shown_.begin(), shown_.end(), [](const auto& entry) {
    return virtual_terminal_number(entry.first) > 0;
  });
  if (screen == shown_.end()) co_return;
  const std::string name = screen->first;
  blocking::Work work = [&](const blocking::Report&) {
    const UniqueFd fd = devices_.open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
    // The kernel does not leave a terminal in graphics mode, which a display server that was killed
    // has left it in.
    if (const int shown = terminal_settings::active_virtual_terminal(fd.get()); shown > 0) {
      const UniqueFd old =
          devices_.open("tty" + std::to_string(shown), O_RDWR | O_NOCTTY | O_NONBLOCK);
      terminal_settings::make_text(old.get());
    }
    terminal_settings::switch_to(fd.get(), virtual_terminal_number(name));
  };
  auto child =
      blocking::run(children_, "switch to " + name, to_open, std::move(work), {devices_.mount()});
  const auto outcome = co_await std::move(child);
  blocking::note_call(log_, "VT_ACTIVATE", name, outcome);
  if (!outcome.finished()) log_.warning("no switch", {{"to", name}, {"reason", outcome.error}});
}

Task<> Console::show_all() {
  const auto end = Writer::TimePoint::clock::now() + to_show;
  for (auto& [name, shown] : shown_) {
    auto settling = shown.settle(end);
    co_await std::move(settling);
  }
  if (inherited_log_) {
    auto settling = inherited_log_->settle(end);
    co_await std::move(settling);
  }
}

Task<> Console::stop_log() {
  const auto end = Writer::TimePoint::clock::now() + to_show;
  for (auto& [name, shown] : shown_) {
    auto stopping = shown.stop(end);
    co_await std::move(stopping);
  }
}

bool Console::shows_log() const noexcept {
  return std::any_of(shown_.begin(), shown_.end(),
                     [](const auto& entry) { return entry.second.is_running(); });
}

Task<UniqueFd> Console::open_interactive() {
  if (name_.empty()) co_return UniqueFd();
  auto opening = open(name_, Settings::sane);
  UniqueFd fd = co_await std::move(opening);
  // Below a /dev that was not to be carried into the new root there is the file on which it was
  // mounted.
  if (!fd || is_regular_file(fd)) co_return UniqueFd();
  const int flags = ::fcntl(fd.get(), F_GETFL);
  ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK);
  co_return fd;
}

Task<std::vector<UniqueFd>> Console::open_stdio() {
  std::vector<UniqueFd> stdio;
  auto opening = open_interactive();
  const UniqueFd terminal = co_await std::move(opening);
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    int source = STDIN_FILENO;  // /dev/null
    if (terminal) {
      source = terminal.get();
    } else if (!permissions_.on_machine()) {
      source =
          inherited_.empty() ? STDERR_FILENO : inherited_[static_cast<std::size_t>(number)].get();
    }
    constexpr int above_stdio = 3;
    stdio.emplace_back(
        sys::check(::fcntl(source, F_DUPFD_CLOEXEC, above_stdio), "duplicate the terminal"));
  }
  co_return stdio;
}

Task<std::string> Console::settings() {
  auto opening = open_stdio();
  const auto stdio = co_await std::move(opening);
  const int fd = stdio.front().get();
  blocking::Work work = [fd](const blocking::Report& report) {
    report.write(terminal_settings::read(fd));
  };
  auto child =
      blocking::run(children_, "read the terminal's settings", to_open, std::move(work), {fd});
  auto outcome = co_await std::move(child);
  co_return std::move(outcome.text);
}

Task<> Console::restore(std::string settings) {
  if (settings.empty()) co_return;
  auto opening = open_stdio();
  const auto stdio = co_await std::move(opening);
  const int fd = stdio.front().get();
  blocking::Work work = [fd, &settings](const blocking::Report&) {
    terminal_settings::restore(fd, settings);
  };
  auto child =
      blocking::run(children_, "restore the terminal's settings", to_open, std::move(work), {fd});
  co_await std::move(child);
}

std::string Console::terminal_type() const {
  return terminal_settings::type_of(name_);
}

}  // namespace dboot
