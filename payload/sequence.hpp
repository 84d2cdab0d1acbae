#pragma once

#include "payload/context.hpp"

namespace dboot {

/// The order of events. Does not return: it ends in the new system, or in the failure policy.
Task<> take_over(Context& context);

/// For a plan that cannot be carried out: the consoles, then the failure policy. Does not return.
Task<> refuse(Context& context, std::string reason);

}  // namespace dboot
