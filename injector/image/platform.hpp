#pragma once

#include <string>

namespace dboot::image {

/// Throws Failure when programs of an image for `os` and `architecture` (as Go names them; empty:
/// not said) do not run on `machine`, which is as uname(2) names it.
void check_platform(const std::string& os, const std::string& architecture,
                    const std::string& machine);

}  // namespace dboot::image
