#include "payload/sequence.hpp"

#include <array>
#include <exception>
#include <string_view>

#include "payload/phases/console.hpp"
#include "payload/phases/hand_over.hpp"
#include "payload/phases/release.hpp"
#include "payload/phases/start.hpp"
#include "payload/phases/sync.hpp"
#include "payload/phases/terminate.hpp"
#include "payload/phases/wake.hpp"
#include "payload/phases/way_out.hpp"
#include "payload/run_phase.hpp"

namespace dboot {
namespace {

struct Phase {
  std::string_view name;
  Task<> (*run)(Context& context);
};

/// What happens between execve in the old PID 1 and the start of the new system, in this order.
/// Whatever fails ends in the way out; from "terminate" on there is no old system to go back to.
constexpr std::array sequence{
    Phase{"wake", &phases::wake},       Phase{"console", &phases::console},
    Phase{"sync", &phases::sync},       Phase{"terminate", &phases::terminate},
    Phase{"release", &phases::release}, Phase{"hand-over", &phases::hand_over},
};

Task<> run_phases(Context& context) {
  for (const auto& phase : sequence) {
    auto running = run_phase(context, phase.name, phase.run(context));
    co_await std::move(running);
  }
}

}  // namespace

Task<> take_over(Context& context) {
  std::string reason;
  // Before the first line, which shall be in the kernel's log too.
  context.log.set_phase("wake");
  context.kernel_log.take(context.devices);
  context.log.begin("dboot-init");
  try {
    co_await run_phases(context);
    co_await phases::start(context);
  } catch (const std::exception& error) {
    reason = error.what();
  }
  co_await phases::way_out(context, std::move(reason));
}

Task<> refuse(Context& context, std::string reason) {
  context.kernel_log.take(context.devices);
  context.log.begin("dboot-init");
  co_await phases::console(context);
  co_await phases::way_out(context, std::move(reason));
}

}  // namespace dboot
