#include "payload/phases/sync.hpp"

#include "payload/release/device_mapper.hpp"
#include "payload/release/write_back.hpp"

namespace dboot::phases {

Task<> sync(Context& context) {
  context.proof.look();
  co_await make_mappings_answer(context.log, context.children, context.devices,
                                context.permissions);
  co_await write_disks_back(context.log, context.children, context.permissions);
}

}  // namespace dboot::phases
