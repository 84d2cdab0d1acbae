#pragma once

#include <string>

#include "payload/context.hpp"

namespace dboot::phases {

/// When the takeover cannot go on: says why on every console, and offers a way out. On a machine
/// that is a shell from the new root, else from the old one, or a reboot in good order when that is
/// asked for, or nobody presses a key for ten minutes (plan: OnFailure::shell), or a reboot after
/// ten seconds (OnFailure::reboot). In a namespace this process exits with status 125. Does not
/// return.
Task<> way_out(Context& context, std::string reason);

}  // namespace dboot::phases
