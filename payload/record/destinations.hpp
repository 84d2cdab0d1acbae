#pragma once

#include "payload/context.hpp"

namespace dboot {

/// Gives the log its copies over the network and in the new root, as the plan has them. Each begins
/// with the lines that there are already; none of them can be waited for. The terminals are the
/// Console's.
void open_destinations(Context& context);

}  // namespace dboot
