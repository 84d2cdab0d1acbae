#include "injector/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>

#include "injector/byte_size.hpp"
#include "injector/completions.hpp"
#include "injector/declared_options.hpp"
#include "injector/defaults.hpp"
#include "injector/env_file.hpp"
#include "injector/failure.hpp"
#include "injector/from_host/from_host.hpp"
#include "injector/image/reference.hpp"
#include "injector/option_values.hpp"
#include "injector/place.hpp"
#include "injector/run_options.hpp"
#include "shared/command_line/completion.hpp"
#include "shared/command_line/parse.hpp"
#include "shared/command_line/suggestion.hpp"
#include "shared/proc/fields.hpp"
#include "shared/text/duration.hpp"

namespace dboot::options {
namespace {

/// What an option is set to that ends in "=": CLI11 would take the next argument instead. No
/// argument of a program contains a NUL.
const std::string empty_value(1, '\0');

constexpr std::array switches{
    "--doctor",      "--rehearse", "--dry-run",         "--json",         "--yes", "--force",
    "--no-disk-log", "--renew",    "--require-release", "--write-network"};

/// "--rehearse=false", which must not become a takeover. CLI11 takes it for an answer, and "=true"
/// for the switch alone.
bool is_switch_with_value(const std::string& argument) {
  return std::any_of(switches.begin(), switches.end(),
                     [&](const std::string& name) { return argument.starts_with(name + '='); });
}

/// With a mark at what CLI11 would take for something else.
std::vector<std::string> marked(std::vector<std::string> words) {
  for (auto& word : words) {
    const bool is_empty = word.starts_with("--") && word.find('=') == word.size() - 1;
    if (is_empty || is_switch_with_value(word)) word += empty_value;
  }
  return words;
}

/// Throws Failure.
Place breakpoint(const std::string& text) {
  Place place = place::parse("--break", text);
  if (!place::has_console(place))
    throw Failure("--break '" + text + "': there is no console yet", "say after:console");
  return place;
}

std::string without_newlines(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

/// Of what its check has let through.
std::chrono::milliseconds time_of(const std::string& text) {
  return *option_values::parse_time(text);
}

Mistake usage(const std::string& what, const std::string& mend = "see dboot-inject --help") {
  return {what, mend};
}

/// Before anything else is said of the value, and but for the one that may be empty.
void refuse_empty_values(CLI::App& app) {
  const CLI::Validator is_there(
      [](const std::string& value) -> std::string {
        return value == empty_value ? "a value is missing behind the =" : "";
      },
      "");
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() == 0 || option->get_name() == "--entrypoint") continue;
    option->transform(is_there);
  }
}

/// `--host --rehearse IMAGE` would be no rehearsal.
void refuse_options_as_values(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() == 0) continue;
    for (const auto& value : option->results()) {
      if (value.starts_with('-') && app.get_option_no_throw(value) != nullptr)
        throw usage(option->get_name() + " needs a value, and " + value + " is an option",
                    "give it a value");
    }
  }
}

[[noreturn]] void refuse_unknown_option(const CLI::App& app, const std::string& word) {
  if (const auto advice = run_options::about(word))
    throw usage(word + " is an option of docker run that is none here: " + advice->why,
                advice->mend);
  throw usage("unknown option " + word,
              command_line::mend_of_unknown(word, command_line::option_names(app), app));
}

/// An option behind IMAGE would be COMMAND's, and `dboot-inject IMAGE --rehearse` no rehearsal. Nor
/// would `dboot-inject IMAGE --rehears` be one.
void refuse_own_option(const CLI::App& app, const std::string& word) {
  if (!word.starts_with("--")) return;
  const auto name = word.substr(0, word.find('='));
  const auto mend = " before IMAGE, or -- before " + word + " if it belongs to COMMAND";
  if (app.get_option_no_throw(name) != nullptr)
    throw usage(word + " stands behind IMAGE, where COMMAND begins", "put it" + mend);
  const auto meant = command_line::nearest(name, command_line::option_names(app));
  if (!meant.empty())
    throw usage(
        word + " stands behind IMAGE, where COMMAND begins, and may be meant to be " + meant,
        "put " + meant + mend);
}

/// What every other program answers to: an image of that name is docker-daemon:help.
void answer_words(CLI::App& app, const std::vector<std::string>& words) {
  if (words.size() != 1) return;
  if (words.front() == "help") throw Answer(without_newlines(app.help()), 0);
  if (words.front() == "version") throw Answer(app.version(), 0);
}

/// What people type that know `docker run`, or whose editor knows better.
void refuse_what_is_no_image(const CLI::App& app, const std::string& image) {
  if (image.starts_with("\xe2\x80\x93") || image.starts_with("\xe2\x80\x94"))
    throw usage(image + " begins with a long dash, which no option does", "type it with --");
  if (image == "run") throw usage("'run' is a command of docker's, and no image", "leave it out");
  if (app.count("-v") == 0 || image.find(":/") == std::string::npos) return;
  const auto transport = image::parse_reference(image).transport;
  const bool is_volume = transport == image::Transport::engine || image.starts_with('/');
  if (is_volume) refuse_unknown_option(app, "--volume=" + image);
}

/// Everything from IMAGE on.
void take_image_and_command(CLI::App& app, Options& options) {
  auto rest = app.remaining();
  // What belongs to COMMAND is as it was.
  for (auto& argument : rest) std::erase(argument, '\0');
  if (!rest.empty() && rest.front() == "--") rest.erase(rest.begin());
  if (rest.empty() && options.doctor) return;
  if (rest.empty()) throw usage("IMAGE is missing");
  answer_words(app, rest);
  if (rest.front().starts_with('-') && rest.front() != "-")
    refuse_unknown_option(app, rest.front());
  options.image = rest.front();
  if (options.image.empty()) throw usage("IMAGE is empty");
  refuse_what_is_no_image(app, options.image);
  rest.erase(rest.begin());
  if (!rest.empty() && rest.front() == "--") {
    rest.erase(rest.begin());
  } else if (!rest.empty()) {
    refuse_own_option(app, rest.front());
  }
  if (!rest.empty() && rest.front().empty())
    throw usage("COMMAND is empty", "name a program of the image, or leave COMMAND out");
  options.command = std::move(rest);
}

/// Each place gets one copy of the log, and one shell.
template <class Value>
void drop_repeated(std::vector<Value>& values) {
  std::vector<Value> once;
  for (auto& value : values) {
    if (std::find(once.begin(), once.end(), value) == once.end()) once.push_back(std::move(value));
  }
  values = std::move(once);
}

/// The values as they are on a command line; what they mean together is looked at later.
class CommandLine {
 public:
  CommandLine() : app_("", "dboot-inject") {
    // Whatever comes from IMAGE on belongs to COMMAND, options included.
    app_.prefix_command();
    declare(app_, options_, raw_);
    refuse_empty_values(app_);
  }

  /// Throws CLI::ParseError.
  void parse(const std::vector<std::string>& words) {
    auto arguments = marked(words);
    // CLI11 wants the last one first.
    std::reverse(arguments.begin(), arguments.end());
    app_.parse(arguments);
  }

  CLI::App& app() noexcept { return app_; }
  Options& options() noexcept { return options_; }
  const Raw& raw() const noexcept { return raw_; }

 private:
  Options options_;
  Raw raw_;
  CLI::App app_;
};

Mistake mistake(const CLI::ParseError& error, const CLI::App& app) {
  const auto [what, mend] = command_line::mistake_of(error, app);
  return {what, mend};
}

/// What `file` sets of what the command line leaves open. Throws Mistake.
std::vector<std::string> words_of_file(const std::string& file,
                                       const std::vector<std::string>& words) {
  if (file.empty()) return {};
  CommandLine given;
  try {
    given.parse(words);
  } catch (const CLI::ParseError&) {
    return {};  // --help, or a mistake, which is told where the command line is read
  }
  CommandLine alone;
  try {
    const auto set = defaults::words_of(defaults::read(file), file, alone.app());
    alone.parse(set);
    return defaults::left_open(set, given.app());
  } catch (const CLI::ParseError& error) {
    throw usage(file + ": " + mistake(error, alone.app()).cause, "correct the file");
  } catch (const Failure& failure) {
    throw usage(failure.what(), failure.mend());
  }
}

void require_what_belongs_together(const Options& options) {
  if (options.terminal != Options::Terminal::automatic && !options.rehearse)
    throw usage("-t and -T are about the terminal of a rehearsal",
                "add --rehearse, or leave them out");
  if (!options.save_log.empty() && !options.rehearse)
    throw usage("--save-log is about a rehearsal: a takeover leaves its log in /run/dboot",
                "add --rehearse, or leave it out");
  if (options.json && !options.dry_run && !options.doctor)
    throw usage("--json is about what a dry run or the doctor prints",
                "add --dry-run or --doctor, or leave it out");
  if (options.doctor && (options.rehearse || options.dry_run))
    throw usage("--doctor does neither a rehearsal nor a dry run", "leave one of them out");
  if (options.doctor && !options.command.empty())
    throw usage("--doctor has no use for a COMMAND", "leave it out");
  for (const auto& [option, is_given] :
       {std::pair{"--write-network", options.write_network}, std::pair{"--renew", options.renew}}) {
    if (is_given && options.keep_network == Options::Keep::no)
      throw usage(std::string(option) + " needs the network to be kept",
                  "leave --keep-network no out");
  }
  if (options.renew && options.write_network)
    throw usage("--renew and --write-network would both configure the network",
                "leave one out: --renew is for a command, --write-network for an init");
}

log::Level level_of(const Raw& raw) {
  if (raw.quieter > 0) return log::Level::warning;
  if (raw.louder > 1) return log::Level::trace;
  if (raw.louder > 0) return log::Level::debug;
  return *log::level_from(raw.log_level);
}

/// Of the files, and then of the options, which thereby win.
std::vector<std::string> variables_of(const Raw& raw, const std::vector<std::string>& options) {
  std::vector<std::string> variables;
  for (const auto& file : raw.env_files) {
    for (auto& variable : env_file::read(file)) variables.push_back(std::move(variable));
  }
  variables.insert(variables.end(), options.begin(), options.end());
  return variables;
}

/// Throws Failure.
void take_raw_values(Options& options, const Raw& raw) {
  for (const auto& copy : raw.copies) options.host_files.copies.push_back(rootfs::parse_copy(copy));
  for (const auto& hook : raw.hooks) options.hooks.push_back(hooks::parse(hook));
  for (const auto& text : raw.breakpoints) options.breakpoints.push_back(breakpoint(text));
  options.overrides.environment = variables_of(raw, options.overrides.environment);
  drop_repeated(options.log_to);
  drop_repeated(options.breakpoints);
  if (!raw.root_size.empty()) options.root_size = *parse_byte_size(raw.root_size);
  if (raw.start == "exec") options.start = Start::exec;
  if (raw.start == "supervise") options.start = Start::supervise;
  options.log_level = level_of(raw);
  options.grace = time_of(raw.grace);
  if (!raw.confirm_within.empty())
    options.confirm_within = parse_duration(raw.confirm_within).value_or(std::chrono::seconds(0));
  options.hook_timeout = time_of(raw.hook_timeout);
  options.break_timeout = time_of(raw.break_timeout.substr(0, raw.break_timeout.find(':')));
  if (raw.break_timeout.ends_with(":reboot")) options.on_break = OnBreak::reboot;
}

Options parse_words(const std::vector<std::string>& words) {
  CommandLine line;
  auto& app = line.app();
  try {
    line.parse(words);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    if (app.exit(error, out, err) != 0) throw mistake(error, app);
    throw Answer(without_newlines(out.str()), 0);
  }
  refuse_options_as_values(app);
  auto& options = line.options();
  take_image_and_command(app, options);
  require_what_belongs_together(options);
  if (app.count("--entrypoint") > 0) {
    const auto& entrypoint = line.raw().entrypoint;
    options.overrides.entrypoint = entrypoint == empty_value ? "" : entrypoint;
  }
  try {
    take_raw_values(options, line.raw());
  } catch (const Failure& failure) {
    throw usage(failure.what(), failure.mend());
  }
  return std::move(options);
}

std::string text_of(const std::string& cause, const std::string& mend) {
  return "dboot-inject: error: " + cause + "\ndboot-inject: to mend it: " + mend;
}

}  // namespace

Mistake::Mistake(std::string its_cause, std::string its_mend)
    : Answer(text_of(its_cause, its_mend), exit_status::failed),
      cause(std::move(its_cause)),
      mend(std::move(its_mend)) {}

Options parse(int argc, const char* const* argv, const std::string& defaults) {
  {
    CommandLine line;
    if (auto candidates = completion::answer(argc, argv, line.app(), completions::hints()))
      throw Answer(*candidates, 0);
  }
  const std::vector<std::string> given(argv + 1, argv + argc);
  std::vector<std::string> set;
  try {
    set = words_of_file(defaults, given);
    auto words = set;
    words.insert(words.end(), given.begin(), given.end());
    auto options = parse_words(words);
    options.defaults = std::move(set);
    return options;
  } catch (const Mistake& mistake) {
    auto told = set.empty() ? mistake
                            : Mistake(mistake.cause, mistake.mend + " (" + defaults + " sets " +
                                                         joined(set, " ") + ")");
    told.as_json = std::find(given.begin(), given.end(), "--json") != given.end();
    throw told;
  }
}

}  // namespace dboot::options
