#pragma once

#include <string>
#include <string_view>

#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {

/// What a page of the sources has its reader type: its lines that begin with `prompt`.
inline std::string commands_of(const std::string& page, std::string_view prompt = "    $ ") {
  const auto text = sys::read_file(std::string(DBOOT_SOURCE_DIR) + "/" + page);
  std::string script;
  for (const auto line : lines_of(std::string_view(text))) {
    if (line.starts_with(prompt)) script += std::string(line.substr(prompt.size())) + '\n';
  }
  return script;
}

/// The script that a page shows.
inline std::string script_of(const std::string& page) {
  constexpr std::string_view begin = "```sh\n";
  const auto text = sys::read_file(std::string(DBOOT_SOURCE_DIR) + "/" + page);
  const auto from = text.find(begin) + begin.size();
  return text.substr(from, text.find("```\n", from) - from);
}

}  // namespace dboot
