#pragma once

#include "payload/context.hpp"

namespace dboot::phases {

/// Writes back what can be written while everything still runs: the shorter is the time without.
Task<> sync(Context& context);

}  // namespace dboot::phases
