#include "payload/init/rescue_shell.hpp"

#include <unistd.h>

#include <optional>
#include <stdexcept>

#include "payload/children/blocking.hpp"
#include "payload/children/program.hpp"
#include "shared/plan/layout.hpp"

namespace dboot {
namespace {

struct Shell {
  std::string root;
  std::string path;
};

/// In a child for each root: the old one may lie on a disk that does not answer.
Task<std::optional<Shell>> find_shell_in(Context& context, std::string root) {
  using namespace std::chrono_literals;
  blocking::Work work = [&root](const blocking::Report& report) {
    for (const std::string shell : {"/bin/bash", "/bin/sh", "/usr/bin/sh", "/bin/busybox"}) {
      if (::access((root + shell).c_str(), X_OK) == 0) return report.write(shell);
    }
  };
  auto child = blocking::run(context.children, "look for a shell in " + root, 5s, std::move(work));
  const auto outcome = co_await std::move(child);
  if (!outcome.finished() || outcome.text.empty()) co_return std::nullopt;
  co_return Shell{std::move(root), outcome.text};
}

Task<std::optional<Shell>> find_shell(Context& context) {
  for (const std::string root : {"/", layout::root, layout::old_root}) {
    auto looking = find_shell_in(context, root);
    auto shell = co_await std::move(looking);
    if (shell) co_return shell;
  }
  if (::access(layout::busybox, X_OK) == 0) co_return Shell{"/", layout::busybox};
  co_return std::nullopt;
}

}  // namespace

Task<bool> has_rescue_shell(Context& context) {
  auto looking = find_shell(context);
  const auto shell = co_await std::move(looking);
  co_return shell.has_value();
}

Task<pid_t> start_rescue_shell(Context& context, std::vector<std::string> environment,
                               Children::Ended ended) {
  auto looking = find_shell(context);
  const auto shell = co_await std::move(looking);
  if (!shell) throw std::runtime_error("there is no shell in any root");
  Program program{shell->path, {"sh", "-i"}, std::move(environment), "/", shell->root};
  program.limits = context.limits;
  program.environment =
      with_terminal_type(std::move(program.environment), context.console.terminal_type());
  auto opening = context.console.open_stdio();
  auto stdio = co_await std::move(opening);
  auto starting =
      start_program(context.children, std::move(program), std::move(stdio), std::move(ended));
  co_return co_await std::move(starting);
}

}  // namespace dboot
