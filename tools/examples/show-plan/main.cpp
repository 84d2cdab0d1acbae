// The smallest payload: a takeover as dboot-init does it, which logs its plan before it starts the
// command.
#include <dboot/payload/payload.hpp>

namespace {

dboot::Task<> show_plan(dboot::Context& context) {
  for (const auto& fact : dboot::plan::facts(context.plan))
    context.log.info("plan", {{fact.key, fact.value}});
  co_return;
}

}  // namespace

int main(int argc, char** argv) {
  auto sequence = dboot::Sequence::of_dboot_init();
  sequence.before("start", {"show-plan", show_plan});
  return dboot::run_payload(argc, argv, {"show-plan", "1.0", sequence});
}
