#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

/// How a command line may go on, for the shells that ask (bash, zsh and fish). Their part of it is
/// the same for every program: it calls `PROGRAM --complete LINE [PART]` with the line up to the
/// cursor, as it is typed, and shows what comes back. PART is the end of LINE that the shell
/// replaces, where that is less than a word.
namespace dboot::completion {

struct Candidate {
  std::string word;
  std::string help;
  bool is_file = false;  ///< its name wants quotes where it has blanks
};
using Candidates = std::vector<Candidate>;
/// What may stand there, by what is typed of it.
using Finder = std::function<Candidates(const std::string& typed)>;
/// Values of options that were typed before, by their long names.
using Given = std::map<std::string, std::string>;
using ArgumentFinder = std::function<Candidates(const std::string& typed, const Given& given)>;

/// What the declaration of a command line does not tell.
struct Hints {
  std::map<std::string, Finder> values;  ///< of an option, by its long name: "--break"
  ArgumentFinder arguments;              ///< words that are no options; where empty, files
  /// What follows the first of them is another program's.
  bool first_argument_ends_it = false;
};

/// `words` are those behind the program's name; the last one, maybe empty, is what is typed. The
/// values of an option are known by its option_text: "always|never", FILE, PATH.
Candidates complete(const CLI::App& app, const std::vector<std::string>& words, const Hints& hints);

/// Files that `typed` may become, directories with a slash; ~/ is the home directory.
Candidates files(const std::string& typed);
/// The same behind `prefix`, which is typed already: "docker-archive:", "before:sync=". There a
/// shell takes ~ for a name.
Candidates files_behind(std::string_view prefix, const std::string& typed);
/// Those that begin as `typed` does.
Candidates beginning_with(const std::string& typed, const std::vector<std::string>& words);

/// What makes a shell complete `program`; empty for a shell that is not known.
std::optional<std::string> script(std::string_view shell, const std::string& program);

/// Adds `--completion SHELL`, which prints script(); the parser ends with it as with --version.
CLI::Option* declare(CLI::App& app);

/// What to print where the command line is `--complete LINE [PART]`: of each candidate what stands
/// for PART (without one, for the word), "file" or nothing, and its help, with tabs between. Empty
/// where it is any other.
std::optional<std::string> answer(int argc, const char* const* argv, const CLI::App& app,
                                  const Hints& hints);

}  // namespace dboot::completion
