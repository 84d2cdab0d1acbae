#pragma once

#include <filesystem>
#include <string>

#include "tests/machine/driver/child.hpp"

namespace dboot::machine {

/// What a page of the sources has its reader type: its lines that begin with `prompt`.
std::string commands_of(const std::string& page, std::string_view prompt = "    $ ");

/// Types the commands of a page in that directory, where the programs in bin/ are found first. They
/// end with the object. `said`: the file that gets all that is shown.
Child type_commands_of(const std::string& page, const std::filesystem::path& directory,
                       const std::string& said);

}  // namespace dboot::machine
