#include "shared/command_line/parse.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <string_view>

#include "shared/command_line/suggestion.hpp"
#include "shared/proc/fields.hpp"

namespace dboot::command_line {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string see_help(const CLI::App& app) {
  return "see " + app.get_name() + " --help";
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
Mistake of_what_is_missing(const std::string& text, const CLI::App& app) {
  const auto name = text.substr(0, text.find(' '));
  if (!contains(text, "subcommand"))
    return {(name.starts_with('-') ? name : in_capitals(name)) + " is missing", see_help(app)};
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  const auto list = ": one of " + joined(names, ", ");
  const auto others = app.remaining();
  if (others.empty()) return {"the command is missing" + list, see_help(app)};
  return {"unknown command '" + others.front() + '\'' + list,
          mend_of_unknown(others.front(), names, app)};
}

Mistake of_what_is_too_much(const CLI::App& app) {
  const auto words = app.remaining(true);
  const auto& first = words.front();
  const bool is_option = first.size() > 1 && first.starts_with('-');
  return {(is_option ? "unknown option " : "unknown argument ") + ('\'' + first + '\''),
          is_option ? mend_of_unknown(first, option_names(*command_of(app)), app) : see_help(app)};
}

/// "-T excludes -t"
std::string of_what_excludes(const std::string& text) {
  constexpr std::string_view between = " excludes ";
  const auto at = text.find(between);
  if (at == std::string::npos) return text;
  return text.substr(0, at) + " and " + text.substr(at + between.size()) + " contradict each other";
}

/// "Could not convert: --rescue-ssh = x"
std::string of_conversion(const std::string& text) {
  constexpr std::string_view begin = "Could not convert: ";
  const auto equals = text.find(" = ");
  if (!text.starts_with(begin) || equals == std::string::npos) return text;
  return text.substr(begin.size(), equals - begin.size()) + ": '" + text.substr(equals + 3) +
         "' is no number";
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

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    for (const auto& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::string mend_of_unknown(const std::string& word, const std::vector<std::string>& names,
                            const CLI::App& app) {
  const auto meant = nearest(word.substr(0, word.find('=')), names);
  return (meant.empty() ? "" : "say " + meant + " if that is meant, or ") + see_help(app);
}

bool flush_output() {
  std::cout << std::flush;
  return static_cast<bool>(std::cout);
}

Mistake mistake_of(const CLI::ParseError& error, const CLI::App& app) {
  const std::string text = error.what();
  switch (static_cast<CLI::ExitCodes>(error.get_exit_code())) {
    case CLI::ExitCodes::ArgumentMismatch:
      return {of_number_of_values(text, app), see_help(app)};
    case CLI::ExitCodes::RequiredError:
      return of_what_is_missing(text, app);
    case CLI::ExitCodes::ExtrasError:
      return of_what_is_too_much(app);
    case CLI::ExitCodes::ValidationError:
      return {of_choices(text), see_help(app)};
    case CLI::ExitCodes::ExcludesError:
      return {of_what_excludes(text), "leave one of them out"};
    case CLI::ExitCodes::ConversionError:
      return {of_conversion(text), see_help(app)};
    default:
      return {text, see_help(app)};
  }
}

std::optional<int> parse(CLI::App& app, int argc, const char* const* argv, int wrong_usage) {
  const auto fail = [&](const Mistake& mistake) {
    std::cerr << app.get_name() << ": error: " << mistake.what << '\n'
              << app.get_name() << ": to mend it: " << mistake.mend << '\n';
    return wrong_usage;
  };
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    std::ostringstream errors;
    if (app.exit(error, std::cout, errors) != 0) return fail(mistake_of(error, app));
  }
  return flush_output() ? 0 : fail({no_output, mend_of_no_output});
}

}  // namespace dboot::command_line
