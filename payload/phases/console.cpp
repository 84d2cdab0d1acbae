#include "payload/phases/console.hpp"

#include "shared/log/destination.hpp"

namespace dboot::phases {
namespace {

std::vector<std::string> terminals_in(const std::vector<std::string>& destinations) {
  std::vector<std::string> names;
  for (const auto& text : destinations) {
    const auto destination = log::parse_destination(text);
    if (destination && destination->kind == log::Destination::Kind::terminal)
      names.push_back(destination->name);
  }
  return names;
}

}  // namespace

Task<> console(Context& context) {
  const auto& wanted = context.plan.console;
  co_await context.console.start(wanted, terminals_in(context.plan.log_to));
  if (context.console.shows_log() || !context.permissions.allows(Action::use_consoles)) co_return;
  if (wanted != "none") context.kernel_log.show_on_consoles();
  context.log.warning("no console at all");
}

}  // namespace dboot::phases
