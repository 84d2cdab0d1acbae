#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace dboot::command_line {

/// What is wrong with a command line, in the words of our other errors.
struct Mistake {
  std::string what;
  std::string mend;  ///< what was probably meant, or where to read what there is
};
Mistake mistake_of(const CLI::ParseError& error, const CLI::App& app);

/// "see dboot-log --help", behind the option or command that `word` was probably meant to be.
std::string mend_of_unknown(const std::string& word, const std::vector<std::string>& names,
                            const CLI::App& app);
/// The long and short names of its options.
std::vector<std::string> option_names(const CLI::App& app);

/// Writes out what is on standard output. False when nobody takes it.
bool flush_output();
constexpr const char* no_output = "cannot write to standard output";
constexpr const char* mend_of_no_output = "give it one that is open, and has room";

/// Reads the command line. Where that is all that there is to do, because it asks for --help or is
/// a mistake, that is printed; the exit status is returned, and `wrong_usage` is that of a mistake.
std::optional<int> parse(CLI::App& app, int argc, const char* const* argv, int wrong_usage);

}  // namespace dboot::command_line
