#pragma once

#include <string>
#include <string_view>
#include <vector>

/// A command line as it is typed: with the shell's quotes, and maybe the last of them still open.
namespace dboot::shell_line {

struct Words {
  /// What the shell would make of it: without quotes and backslashes, a leading ~ as it is. The
  /// last one, maybe empty, is the one that is typed.
  std::vector<std::string> words;
  /// Where in the last word the last `part` bytes of the line begin.
  std::size_t part_begins = 0;
};

/// `line` up to the cursor. What all shells of our completions share is understood: blanks, '…',
/// "…" and a backslash; variables and substitutions stay as they are.
Words split(std::string_view line, std::size_t part = 0);

}  // namespace dboot::shell_line
