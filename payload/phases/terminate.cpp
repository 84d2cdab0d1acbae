#include "payload/phases/terminate.hpp"

namespace dboot::phases {

Task<> terminate(Context& context) {
  co_await context.terminator.end_all(context.plan.grace);
  // What comes from here on, nobody could write to a disk that is to be let go of.
  context.disk_log.finish();
  // The session that had the terminal may have hung it up.
  co_await context.console.restart();
}

}  // namespace dboot::phases
