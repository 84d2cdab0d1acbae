#pragma once

#include "payload/context.hpp"

namespace dboot::phases {

/// Ends every process of the old system but root's storage daemons.
Task<> terminate(Context& context);

}  // namespace dboot::phases
