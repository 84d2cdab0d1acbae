#pragma once

#include "payload/takeover.hpp"

namespace dboot {

/// The order of events. Does not return: it ends in the new system, or in the failure policy.
Task<> take_over(Takeover& takeover);

/// For a plan that cannot be carried out: the consoles, then the failure policy. Does not return.
Task<> refuse(Takeover& takeover, std::string reason);

}  // namespace dboot
