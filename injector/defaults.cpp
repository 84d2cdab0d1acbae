#include "injector/defaults.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>
#include <system_error>

#include "injector/failure.hpp"
#include "shared/command_line/parse.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::defaults {
namespace {

/// What is asked for each time, and answered by a person.
constexpr std::array<std::string_view, 9> of_the_command_line_only{
    "yes", "force", "rehearse", "dry-run", "json", "doctor", "help", "version", "completion"};

std::string name_in(const std::string& word) {
  return word.substr(0, word.find('='));
}

bool is_repeatable(const CLI::Option& option) {
  return option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
}

bool is_switch(const CLI::Option& option) {
  return option.get_items_expected_max() == 0;
}

/// CLI11 takes a # for the begin of a comment wherever it stands.
void refuse_what_is_misread(const std::string& text, const std::string& file) {
  std::istringstream lines(text);
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    const auto where = file + ", line " + std::to_string(number);
    const auto begin = line.find_first_not_of(" \t");
    if (begin != std::string::npos && line[begin] == '[')
      throw Failure(where + ": there are no sections", "leave the line out");
    char quote = 0;
    for (const char letter : line) {
      if (letter == '#' && quote != 0)
        throw Failure(where + ": a value with a # is not understood",
                      "give that option on the command line");
      if (letter == '#') break;
      if (letter == quote) {
        quote = 0;
      } else if (quote == 0 && (letter == '"' || letter == '\'')) {
        quote = letter;
      }
    }
    if (quote != 0)
      throw Failure(where + ": a quote is not closed", "end the value where it begins");
  }
}

}  // namespace

std::string read(const std::string& file) {
  constexpr off_t most = 64 * 1024;
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return "";
  if (!fd)
    throw Failure("cannot open " + file + ": " + std::generic_category().message(errno),
                  "run dboot-inject with sudo, or remove the file");
  struct stat status {};
  sys::check(::fstat(fd.get(), &status), "stat ", file);
  if (!S_ISREG(status.st_mode) || status.st_size > most)
    throw Failure(file + " is no file of at most 64 KiB", "remove it");
  constexpr mode_t of_others = S_IWGRP | S_IWOTH;
  if (status.st_uid != 0 || (status.st_mode & of_others) != 0)
    throw Failure(file + " may be written by others than root",
                  "chown root " + file + " && chmod go-w " + file);
  return sys::read_file(file);
}

std::vector<std::string> words_of(const std::string& text, const std::string& file,
                                  const CLI::App& app) {
  refuse_what_is_misread(text, file);
  std::istringstream lines(text);
  std::vector<std::string> words;
  for (const auto& [parents, name, values] : CLI::ConfigTOML().from_config(lines)) {
    const auto set = file + " sets " + name;
    const auto* const option =
        name.size() < 2 || name == "--" ? nullptr : app.get_option_no_throw("--" + name);
    if (std::find(of_the_command_line_only.begin(), of_the_command_line_only.end(), name) !=
        of_the_command_line_only.end())
      throw Failure(set + ", which only a command line may say", "remove it there");
    if (option == nullptr)
      throw Failure(values == std::vector<std::string>{"true"}
                        ? file + " has '" + name + "', which is no option = VALUE"
                        : set + ", which is no option",
                    command_line::mend_of_unknown(name, command_line::option_names(app), app));
    if (is_switch(*option)) {
      if (values.size() != 1 || (values[0] != "true" && values[0] != "false"))
        throw Failure(set + " to something that is neither true nor false",
                      "write " + name + " = true");
      if (values[0] == "true") words.push_back("--" + name);
      continue;
    }
    if (values.empty() || (values.size() > 1 && !is_repeatable(*option)))
      throw Failure(set + " to " + std::to_string(values.size()) + " values",
                    "write " + name + " = \"" + option->get_option_text() + "\"");
    for (const auto& value : values) words.push_back("--" + name + "=" + value);
  }
  return words;
}

std::vector<std::string> left_open(const std::vector<std::string>& words, const CLI::App& given) {
  std::vector<std::string> open;
  for (const auto& word : words) {
    const auto* const option = given.get_option(name_in(word));
    const auto excluded = option->get_excludes();
    const bool is_given = !is_repeatable(*option) && option->count() > 0;
    const bool contradicts = std::any_of(excluded.begin(), excluded.end(),
                                         [](const auto* other) { return other->count() > 0; });
    if (!is_given && !contradicts) open.push_back(word);
  }
  return open;
}

}  // namespace dboot::defaults
