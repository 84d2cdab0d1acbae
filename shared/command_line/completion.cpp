#include "shared/command_line/completion.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "shared/command_line/shell_line.hpp"

namespace dboot::completion {
namespace {

namespace fs = std::filesystem;

/// PROGRAM and FUNCTION stand for what they say. What a program answers has no quotes: the shell
/// puts in those that fit to what is typed.
constexpr std::string_view bash = R"(# Completion of PROGRAM, for bash.
FUNCTION() {
  local program=${1//\\/} part=$2 candidate kind
  [[ $program == '~/'* ]] && program=$HOME/${program:2}
  COMPREPLY=()
  # What bash replaces: for it a word begins behind = and : as well, which another completion calls a word (sudo's).
  [[ $part == [=:] ]] && part=
  while IFS=$'\t' read -r candidate kind _; do
    [[ $candidate ]] && COMPREPLY+=("$candidate")
    [[ $kind == file ]] && compopt -o filenames
  done < <(PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin "$program" --complete "${COMP_LINE:0:COMP_POINT}" "$part" 2>/dev/null)
  [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[/:=] ]] && compopt -o nospace
  return 0
}
complete -F FUNCTION PROGRAM
)";

constexpr std::string_view zsh = R"(#compdef PROGRAM
# Completion of PROGRAM, for zsh.
FUNCTION() {
  local program=${(Q)words[1]} line word tilde
  local -a fields ended open ended_help open_help
  [[ $program == '~/'* ]] && program=$HOME/${program[3,-1]}
  local typed="${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX"
  # It stays as it is, and is not quoted.
  compset -P '\~/' && tilde='~/'
  for line in "${(@f)$(PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin "$program" --complete "$typed" 2>/dev/null)}"; do
    fields=("${(@ps:\t:)line}")
    word=${fields[1]#$tilde}
    [[ -z $word ]] && continue
    if [[ $word == *[/:=] ]]; then
      open+=("$word") open_help+=("$word  ${fields[3]}")
    else
      ended+=("$word") ended_help+=("$word  ${fields[3]}")
    fi
  done
  (( $#open )) && compadd -l -S '' -d open_help -a open
  (( $#ended )) && compadd -l -d ended_help -a ended
}
if [[ $funcstack[1] == FUNCTION ]]; then
  FUNCTION "$@"
else
  compdef FUNCTION PROGRAM
fi
)";

constexpr std::string_view fish = R"(# Completion of PROGRAM, for fish.
function FUNCTION
    set -l words (commandline -opc)
    set -lx PATH $PATH /usr/local/sbin /usr/sbin /sbin
    set -l program (string replace --regex '^~/' "$HOME/" -- $words[1])
    type -q $program; or return
    $program --complete (commandline -cp) 2>/dev/null | string replace --regex '\t(file)?\t' '\t'
end
complete --command PROGRAM --no-files --arguments '(FUNCTION)'
)";

void replace_all(std::string& text, std::string_view what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

std::string long_name(const CLI::Option& option) {
  const auto& names = option.get_lnames();
  return names.empty() ? "" : "--" + names.front();
}

/// By what stands for its values in --help: of "always|missing|never" the words, of a file any.
Candidates values_of(const CLI::Option& option, const std::string& typed, const Hints& hints) {
  if (const auto found = hints.values.find(long_name(option)); found != hints.values.end())
    return found->second(typed);
  const auto& text = option.get_option_text();
  for (const std::string_view file : {"FILE", "PATH", "HOSTPATH"}) {
    if (text.substr(0, text.find('[')) == file) return files(typed);
  }
  std::vector<std::string> words;
  for (const auto& word : CLI::detail::split(text, '|')) {
    const bool is_word = std::all_of(word.begin(), word.end(),
                                     [](char letter) { return letter >= 'a' && letter <= 'z'; });
    if (is_word && !word.empty()) words.push_back(word);
  }
  return beginning_with(typed, words);
}

/// A command line up to the word that is typed.
struct Position {
  const CLI::App* app = nullptr;
  const CLI::Option* awaits = nullptr;  ///< whose value is typed
  std::size_t arguments = 0;
  bool only_arguments = false;  ///< behind --
  Given given;
};

const CLI::App* subcommand_of(const CLI::App& app, const std::string& word) {
  for (const auto* one : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (one->get_name() == word) return one;
  }
  return nullptr;
}

void advance(Position& position, const std::string& word) {
  if (position.awaits != nullptr) {
    position.given[long_name(*position.awaits)] = word;
    position.awaits = nullptr;
  } else if (position.only_arguments || word == "-" || !word.starts_with('-')) {
    const auto* const subcommand = subcommand_of(*position.app, word);
    if (position.arguments == 0 && subcommand != nullptr) {
      position.app = subcommand;
    } else {
      ++position.arguments;
    }
  } else if (word == "--") {
    position.only_arguments = true;
  } else {
    const auto equals = word.find('=');
    const auto* const option = position.app->get_option_no_throw(word.substr(0, equals));
    if (option == nullptr || !takes_value(*option)) return;
    if (equals == std::string::npos) {
      position.awaits = option;
    } else {
      position.given[long_name(*option)] = word.substr(equals + 1);
    }
  }
}

Candidates options_of(const CLI::App& app, const std::string& typed) {
  Candidates candidates;
  for (const auto* option : app.get_options()) {
    const auto name = long_name(*option);
    const bool is_shown = !option->get_group().empty() && !name.empty();
    if (is_shown && name.starts_with(typed))
      candidates.push_back({name, option->get_description()});
  }
  return candidates;
}

Candidates arguments_of(const Position& position, const std::string& typed, const Hints& hints) {
  auto candidates = hints.arguments ? hints.arguments(typed, position.given) : files(typed);
  if (position.arguments > 0) return candidates;
  for (const auto* one : position.app->get_subcommands([](const CLI::App*) { return true; })) {
    if (one->get_name().starts_with(typed))
      candidates.push_back({one->get_name(), one->get_description()});
  }
  return candidates;
}

Candidates behind(std::string_view prefix, Candidates candidates) {
  for (auto& candidate : candidates) candidate.word.insert(0, prefix);
  return candidates;
}

bool is_printable(const std::string& name) {
  return std::none_of(name.begin(), name.end(), [](char letter) {
    return (letter >= '\0' && letter < ' ') || letter == '\x7f';
  });
}

/// Those below `root`, shown as `shown_root`, that `typed` may become.
Candidates files_in(const std::string& root, const std::string& shown_root,
                    const std::string& typed) {
  const auto name_at = typed.rfind('/') + 1;
  const auto name = typed.substr(name_at);
  const auto path = typed.substr(0, name_at);
  const auto directory = root + path;
  Candidates candidates;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::directory_iterator entry(directory.empty() ? "." : directory, options, error), end;
       !error && entry != end; entry.increment(error)) {
    auto found = entry->path().filename().string();
    const bool is_hidden = found.starts_with('.') && name.empty();
    if (!found.starts_with(name) || is_hidden || !is_printable(found)) continue;
    std::error_code ignored;
    if (entry->is_directory(ignored)) found += '/';
    candidates.push_back({shown_root, "", true});
    candidates.back().word.append(path).append(found);
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.word < b.word; });
  return candidates;
}

}  // namespace

Candidates complete(const CLI::App& app, const std::vector<std::string>& words,
                    const Hints& hints) {
  Position position;
  position.app = &app;
  if (words.empty()) return {};
  for (std::size_t at = 0; at + 1 < words.size(); ++at) {
    advance(position, words[at]);
    if (position.arguments > 0 && hints.first_argument_ends_it) return {};
  }
  const auto& typed = words.back();
  if (position.awaits != nullptr) return values_of(*position.awaits, typed, hints);
  if (position.only_arguments || !typed.starts_with('-'))
    return arguments_of(position, typed, hints);
  const auto equals = typed.find('=');
  if (equals == std::string::npos) return options_of(*position.app, typed);
  const auto* const option = position.app->get_option_no_throw(typed.substr(0, equals));
  if (option == nullptr || !takes_value(*option)) return {};
  return behind(typed.substr(0, equals + 1), values_of(*option, typed.substr(equals + 1), hints));
}

Candidates files(const std::string& typed) {
  const char* const home = ::getenv("HOME");
  if (home != nullptr && typed.starts_with("~/")) return files_in(home, "~", typed.substr(1));
  return files_in("", "", typed);
}

Candidates files_behind(std::string_view prefix, const std::string& typed) {
  return behind(prefix, files_in("", "", typed.substr(prefix.size())));
}

Candidates beginning_with(const std::string& typed, const std::vector<std::string>& words) {
  Candidates candidates;
  for (const auto& word : words) {
    if (word.starts_with(typed)) candidates.push_back({word, ""});
  }
  return candidates;
}

std::optional<std::string> script(std::string_view shell, const std::string& program) {
  std::string text(shell == "bash" ? bash : shell == "zsh" ? zsh : shell == "fish" ? fish : "");
  if (text.empty()) return std::nullopt;
  // zsh calls the function that is named as its file.
  std::string function = "_" + program;
  if (shell != "zsh") std::replace(function.begin(), function.end(), '-', '_');
  replace_all(text, "FUNCTION", function);
  replace_all(text, "PROGRAM", program);
  return text;
}

CLI::Option* declare(CLI::App& app) {
  const CLI::callback_t print = [name = app.get_name()](const CLI::results_t& values) -> bool {
    auto text = script(values.front(), name);
    if (!text) {
      throw CLI::ValidationError("--completion",
                                 "'" + values.front() + "' is none of bash, zsh, fish");
    }
    throw CLI::CallForVersion(*text, 0);
  };
  return app.add_option("--completion", print, "Prints what makes a shell complete it")
      ->option_text("bash|zsh|fish")
      ->trigger_on_parse();
}

std::optional<std::string> answer(int argc, const char* const* argv, const CLI::App& app,
                                  const Hints& hints) {
  constexpr int line_at = 2;
  if (argc <= line_at || std::string_view(argv[1]) != "--complete") return std::nullopt;
  const std::string_view part = argc > line_at + 1 ? argv[line_at + 1] : "";
  auto [words, begins] = shell_line::split(argv[line_at], part.size());
  if (argc == line_at + 1) begins = 0;
  words.erase(words.begin());
  std::string text;
  for (const auto& [word, help, is_file] : complete(app, words, hints))
    text +=
        word.substr(std::min(begins, word.size())) + (is_file ? "\tfile\t" : "\t\t") + help + '\n';
  return text;
}

}  // namespace dboot::completion
