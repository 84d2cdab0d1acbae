#include "tests/machine/page.hpp"

#include <fcntl.h>

#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::machine {

std::string commands_of(const std::string& page, std::string_view prompt) {
  const auto text = sys::read_file(std::string(DBOOT_SOURCE_DIR) + "/" + page);
  std::string script;
  for (const auto line : lines_of(std::string_view(text))) {
    if (line.starts_with(prompt)) script += std::string(line.substr(prompt.size())) + '\n';
  }
  return script;
}

Child type_commands_of(const std::string& page, const std::filesystem::path& directory,
                       const std::string& said) {
  write_text(directory / "script", "set -ex\ncd " + directory.string() + "\n" + commands_of(page));
  const UniqueFd output = sys::open(said, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  return Child({"env", "PATH=" + (directory / "bin").string() + ":/usr/bin:/bin", "bash",
                (directory / "script").string()},
               {}, output.get());
}

}  // namespace dboot::machine
