#pragma once

#include "payload/context.hpp"

namespace dboot::phases {

/// From here on the terminals of the machine show the log.
Task<> console(Context& context);

}  // namespace dboot::phases
