#include "payload/phases/sync.hpp"

#include "payload/release/device_mapper.hpp"
#include "payload/release/write_back.hpp"

namespace dboot::phases {

Task<> sync(Context& context) {
  using namespace std::chrono_literals;
  co_await make_mappings_answer(context.log, context.children, context.devices,
                                context.permissions);
  co_await context.proof.look();
  co_await write_disks_back(context.log, context.children, context.permissions);
  // What has a server, too, while that is still there.
  co_await write_all_back(context.log, context.children, context.permissions, 10s);
}

}  // namespace dboot::phases
