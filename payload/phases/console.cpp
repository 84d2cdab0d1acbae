#include "payload/phases/console.hpp"

namespace dboot::phases {

Task<> console(Context& context) {
  co_await context.console.start(context.plan.console);
}

}  // namespace dboot::phases
