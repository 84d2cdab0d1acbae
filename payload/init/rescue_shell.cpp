#include "payload/init/rescue_shell.hpp"

#include <unistd.h>

#include <optional>
#include <stdexcept>

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

/// In a child: the old root may lie on a disk that does not answer.
Task<std::optional<Shell>> find_shell(Context& context) {
  using namespace std::chrono_literals;
  blocking::Work work = [](const blocking::Report& report) {
    for (const std::string root : {"", layout::old_root, layout::root}) {
      for (const std::string shell : {"/bin/bash", "/bin/sh", "/usr/bin/sh", "/bin/busybox"}) {
        if (::access((root + shell).c_str(), X_OK) != 0) continue;
        report.write((root.empty() ? "/" : root) + ' ' + shell);
        return;
      }
    }
  };
  auto child = blocking::run(context.children, "look for a shell", 5s, std::move(work));
  const auto outcome = co_await std::move(child);
  const auto answer = words_of(outcome.text);
  if (answer.size() != 2) co_return std::nullopt;
  co_return Shell{std::string(answer[0]), std::string(answer[1])};
}

}  // namespace

Task<bool> has_rescue_shell(Context& context) {
  auto looking = find_shell(context);
  const auto shell = co_await std::move(looking);
  co_return shell.has_value();
}

Task<> start_rescue_shell(Context& context, std::vector<std::string> environment,
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
  co_await std::move(starting);
}

}  // namespace dboot
