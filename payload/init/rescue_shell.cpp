#include "payload/init/rescue_shell.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <system_error>

#include "payload/children/blocking.hpp"
#include "payload/children/program.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"

namespace dboot {
namespace {

struct Shell {
  std::string root;
  std::string path;
};

using Shells = std::vector<Shell>;

/// This one, the one that has been prepared, the old one.
constexpr std::array roots{"/", layout::root, layout::old_root};

bool is_program(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

/// In a child for each root: the old one may lie on a disk that does not answer.
Task<Shells> find_shells_in(Context& context, std::string root) {
  using namespace std::chrono_literals;
  blocking::Work work = [&root](const blocking::Report& report) {
    for (const std::string shell : {"/bin/bash", "/bin/sh", "/usr/bin/sh", "/bin/busybox"}) {
      if (is_program(root + shell)) report.write(shell + '\n');
    }
  };
  auto child = blocking::run(context.children, "look for a shell in " + root, 5s, std::move(work));
  const auto outcome = co_await std::move(child);
  Shells shells;
  if (!outcome.finished()) co_return shells;
  for (const auto path : lines_of(outcome.text)) shells.push_back({root, std::string(path)});
  co_return shells;
}

Shells busybox() {
  if (!is_program(layout::busybox)) return {};
  return {{"/", layout::busybox}};
}

Task<pid_t> start(Context& context, Shell shell, std::vector<std::string> environment,
                  Children::Ended ended) {
  Program program{shell.path, {"sh", "-i"}, std::move(environment), "/", shell.root};
  program.limits = context.limits;
  program.environment =
      with_terminal_type(std::move(program.environment), context.console.terminal_type());
  auto opening = context.console.open_stdio();
  auto stdio = co_await std::move(opening);
  auto starting =
      start_program(context.children, std::move(program), std::move(stdio), std::move(ended));
  co_return co_await std::move(starting);
}

/// The first of these that can be started; 0 for none.
Task<pid_t> start_one(Context& context, Shells shells, std::vector<std::string> environment,
                      Children::Ended ended) {
  for (const auto& shell : shells) {
    try {
      auto starting = start(context, shell, environment, ended);
      co_return co_await std::move(starting);
    } catch (const std::system_error& error) {
      context.log.warning("this shell cannot be started",
                          {{"root", shell.root}, {"path", shell.path}, {"reason", error.what()}});
    }
  }
  co_return 0;
}

}  // namespace

Task<bool> has_rescue_shell(Context& context) {
  for (const auto* const root : roots) {
    auto looking = find_shells_in(context, root);
    const auto shells = co_await std::move(looking);
    if (!shells.empty()) co_return true;
  }
  co_return !busybox().empty();
}

Task<pid_t> start_rescue_shell(Context& context, std::vector<std::string> environment,
                               Children::Ended ended) {
  for (const auto* const root : roots) {
    auto looking = find_shells_in(context, root);
    auto shells = co_await std::move(looking);
    auto starting = start_one(context, std::move(shells), environment, ended);
    if (const pid_t pid = co_await std::move(starting); pid != 0) co_return pid;
  }
  auto starting = start_one(context, busybox(), environment, ended);
  if (const pid_t pid = co_await std::move(starting); pid != 0) co_return pid;
  throw std::runtime_error("there is no shell in any root that can be started");
}

}  // namespace dboot
