#include "tests/machine/page.hpp"

#include <fcntl.h>

#include "shared/system/syscalls.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::machine {

Child type_commands_of(const std::string& page, const std::filesystem::path& directory,
                       const std::string& said) {
  write_text(directory / "script", "set -ex\ncd " + directory.string() + "\n" + commands_of(page));
  const UniqueFd output = sys::open(said, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  return Child({"env", "PATH=" + (directory / "bin").string() + ":/usr/bin:/bin", "bash",
                (directory / "script").string()},
               {}, output.get());
}

}  // namespace dboot::machine
