#include "shared/command_line/parse.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

namespace dboot::command_line {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

const CLI::App* command_of(const CLI::App& app) {
  const auto given = app.get_subcommands();
  return given.empty() ? &app : command_of(*given.front());
}

std::string in_capitals(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  return text;
}

/// "--grace: 1 required FLOAT missing", "--grace: At Most 1 required but received 2"
std::string of_number_of_values(const std::string& text, const CLI::App& app) {
  const auto name = text.substr(0, text.find(':'));
  if (contains(text, "At Most")) return name + " is given more than once";
  if (!contains(text, "missing")) return text;
  const auto* const option = command_of(app)->get_option_no_throw(name);
  return name + " needs a value" +
         (option == nullptr || option->get_option_text().empty()
              ? ""
              : ": " + option->get_option_text());
}

/// "file is required", "A subcommand is required"
std::string of_what_is_missing(const std::string& text, const CLI::App& app) {
  const auto name = text.substr(0, text.find(' '));
  if (!contains(text, "subcommand"))
    return (name.starts_with('-') ? name : in_capitals(name)) + " is missing";
  std::string names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names += (names.empty() ? "" : ", ") + command->get_name();
  const auto others = app.remaining();
  return (others.empty() ? "the command is missing" : "unknown command '" + others.front() + '\'') +
         ": one of " + names;
}

std::string of_what_is_too_much(const CLI::App& app) {
  const auto words = app.remaining(true);
  const auto& first = words.front();
  const bool is_option = first.size() > 1 && first.starts_with('-');
  return (is_option ? "unknown option " : "unknown argument ") + ('\'' + first + '\'');
}

/// "--log-level: q not in {trace,debug}"
std::string of_choices(const std::string& text) {
  const auto colon = text.find(": ");
  const auto not_in = text.find(" not in {");
  if (colon == std::string::npos || not_in == std::string::npos || !text.ends_with('}'))
    return text;
  std::string choices;
  for (const char letter : text.substr(not_in + 9, text.size() - not_in - 10))
    choices += letter == ',' ? ", " : std::string(1, letter);
  return text.substr(0, colon + 2) + '\'' + text.substr(colon + 2, not_in - colon - 2) +
         "' is none of " + choices;
}

}  // namespace

std::string mistake_of(const CLI::ParseError& error, const CLI::App& app) {
  std::string text = error.what();
  switch (static_cast<CLI::ExitCodes>(error.get_exit_code())) {
    case CLI::ExitCodes::ArgumentMismatch:
      return of_number_of_values(text, app);
    case CLI::ExitCodes::RequiredError:
      return of_what_is_missing(text, app);
    case CLI::ExitCodes::ExtrasError:
      return of_what_is_too_much(app);
    case CLI::ExitCodes::ValidationError:
      return of_choices(text);
    default:
      return text;
  }
}

std::optional<int> parse(CLI::App& app, int argc, const char* const* argv, int wrong_usage) {
  const auto fail = [&](const std::string& what, const std::string& mend) {
    std::cerr << app.get_name() << ": error: " << what << '\n'
              << app.get_name() << ": to mend it: " << mend << '\n';
    return wrong_usage;
  };
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    std::ostringstream errors;
    if (app.exit(error, std::cout, errors) != 0)
      return fail(mistake_of(error, app), "see " + app.get_name() + " --help");
  }
  std::cout << std::flush;
  return std::cout ? 0 : fail("cannot write to standard output", "give it one that is open");
}

}  // namespace dboot::command_line
