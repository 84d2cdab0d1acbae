#pragma once

#include "payload/context.hpp"

namespace dboot::phases {

/// Makes the prepared root the root, and lets go of everything that lies in the old one and of what
/// keeps it busy. What cannot be released is named and detached; a proof shows what became of the
/// disks.
Task<> release(Context& context);

}  // namespace dboot::phases
