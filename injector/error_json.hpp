#pragma once

#include <string>
#include <string_view>

namespace dboot {

/// An error in place of what --json would have printed, in one line: dboot-dry-run(5), "ERRORS".
/// `mend` may be empty.
std::string error_json(std::string_view what, std::string_view mend, int status);

}  // namespace dboot
