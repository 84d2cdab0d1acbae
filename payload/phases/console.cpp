#include "payload/phases/console.hpp"

namespace dboot::phases {

Task<> console(Context& context) {
  const auto& wanted = context.plan.console;
  co_await context.console.start(wanted);
  if (context.console.shows_log() || !context.permissions.allows(Action::use_consoles)) co_return;
  if (wanted != "none") context.kernel_log.show_on_consoles();
  context.log.warning("no console at all");
}

}  // namespace dboot::phases
