#pragma once

#include <filesystem>
#include <string>

#include "tests/machine/driver/child.hpp"
#include "tests/support/page.hpp"

namespace dboot::machine {

/// Types the commands of a page in that directory, where the programs in bin/ are found first. They
/// end with the object. `said`: the file that gets all that is shown.
Child type_commands_of(const std::string& page, const std::filesystem::path& directory,
                       const std::string& said);

}  // namespace dboot::machine
