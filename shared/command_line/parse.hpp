#pragma once

#include <optional>
#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace dboot::command_line {

/// What is wrong with a command line, in the words of our other errors.
std::string mistake_of(const CLI::ParseError& error, const CLI::App& app);

/// Reads the command line. Where that is all that there is to do, because it asks for --help or is
/// a mistake, that is printed; the exit status is returned, and `wrong_usage` is that of a mistake.
std::optional<int> parse(CLI::App& app, int argc, const char* const* argv, int wrong_usage);

}  // namespace dboot::command_line
