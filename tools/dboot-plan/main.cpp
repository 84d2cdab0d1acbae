#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>
#include <iostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "shared/command_line/completion.hpp"
#include "shared/command_line/parse.hpp"
#include "shared/plan/json.hpp"
#include "shared/plan/layout.hpp"
#include "shared/plan/plan.hpp"
#include "shared/system/syscalls.hpp"

using namespace dboot;

namespace {

constexpr int no_answer = 1;
constexpr int wrong_usage = 2;

constexpr const char* description =
    "Shows, checks and makes the plan of a takeover: what dboot-inject has decided, and dboot-init "
    "does.";

constexpr const char* footer =
    "\nExamples:\n"
    "  dboot-plan show                          that of the takeover that has led to this system\n"
    "  dboot-plan show --json | jq .arguments   for a program\n"
    "  dboot-plan check plan                    whether a payload of this version takes it\n"
    "  dboot-plan make plan.json --output plan  from JSON: dboot-plan(5) has its fields\n"
    "\nExit status: 0, 1 when it is no plan, 2 for a command line that is none.";

constexpr std::size_t largest_plan = std::size_t{16} << 20U;

struct Options {
  std::string file;
  std::string output;
  bool json = false;
};

[[noreturn]] void fail(const std::string& what, const std::string& mend) {
  throw std::runtime_error(what + "\ndboot-plan: to mend it: " + mend);
}

/// "-" is standard input. What is longer than any plan is refused, not read.
std::string read(const std::string& name) try {
  UniqueFd file;
  if (name != "-") file = sys::open(name, O_RDONLY);
  const int fd = file ? file.get() : STDIN_FILENO;
  std::string text;
  std::array<char, std::size_t{1} << 16U> buffer{};
  while (const auto count = sys::check(::read(fd, buffer.data(), buffer.size()), "read ", name)) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > largest_plan)
      fail(name + " is larger than any plan", "name the plan of a takeover");
  }
  return text;
} catch (const std::system_error& error) {
  fail(error.what(), "name a file that can be read");
}

Plan decode(const std::string& name) try {
  const auto text = read(name);
  return plan::decode({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
} catch (const plan::Error& error) {
  fail(name + ": " + error.what(),
       "name a plan as it was written, and take the dboot-plan of the dboot that has written it");
}

void show(const Options& options) {
  const auto plan = decode(options.file);
  std::cout << (options.json ? boost::json::serialize(plan::to_json(plan)) + '\n'
                             : plan::describe(plan));
}

void check(const Options& options) {
  const auto plan = decode(options.file);
  std::cout << options.file << " is a plan of dboot-inject "
            << (plan.injector_version.empty() ? "(no version)"
                                              : log::escaped(plan.injector_version))
            << ", and a dboot-init for plans of " << plan::major_version << '.'
            << plan::minor_version << " takes it\n";
}

/// Of the byte at `offset`, for a person: "line 3, column 7".
std::string place_in(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto begin = before.rfind('\n');
  const auto column = before.size() - (begin == std::string_view::npos ? 0 : begin + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

boost::json::value parse_json(const std::string& name, std::string_view text) {
  boost::json::stream_parser parser;
  boost::json::error_code error;
  const auto taken = parser.write(text, error);
  if (!error) parser.finish(error);
  if (error)
    fail(name + " is no JSON: " + error.message() + " at " + place_in(text, taken),
         "mend it there; dboot-plan show --json prints one to begin with");
  return parser.release();
}

Plan parse(const std::string& name) try {
  return plan::from_json(parse_json(name, read(name)));
} catch (const plan::Error& error) {
  fail(name + ": " + error.what(), "see dboot-plan(5)");
}

void make(const Options& options) try {
  const auto bytes = plan::encode(parse(options.file));
  if (bytes.size() > largest_plan)
    fail("that would be a plan of " + std::to_string(bytes.size()) + " bytes",
         "make it shorter: " + std::to_string(largest_plan) + " bytes at most");
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (options.output == "-") {
    if (::isatty(STDOUT_FILENO) == 1) fail("a plan is no text for a terminal", "say --output FILE");
    std::cout << text;
    return;
  }
  sys::replace_file(options.output, text, 0600);
} catch (const plan::Error& error) {
  fail(options.file + ": " + error.what(), "see dboot-plan(5)");
} catch (const std::system_error& error) {
  fail(error.what(), "name a file that can be written");
}

void declare(CLI::App& app, Options& options) {
  app.description(description);
  app.footer(footer);
  app.set_version_flag("--version", "dboot-plan " DBOOT_VERSION);
  completion::declare(app);
  app.require_subcommand(1);
  auto* const show_it = app.add_subcommand("show", "Tells what is in it");
  show_it->add_flag("--json", options.json, "As JSON: dboot-plan(5) has its fields");
  auto* const check_it = app.add_subcommand("check", "Says whether it is one, and why not");
  auto* const make_it = app.add_subcommand("make", "Makes one from JSON");
  for (auto* const command : {show_it, check_it})
    command->add_option("file", options.file, "- is standard input (/run/dboot/plan)")
        ->option_text("FILE");
  make_it->add_option("file", options.file, "JSON; - is standard input")
      ->option_text("FILE")
      ->required();
  make_it->add_option("--output", options.output, "Where it goes; - is standard output")
      ->option_text("FILE")
      ->required();
  show_it->callback([&] { options.file = options.file.empty() ? layout::plan : options.file; });
  check_it->callback([&] { options.file = options.file.empty() ? layout::plan : options.file; });
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("", "dboot-plan");
  declare(app, options);
  if (const auto candidates = completion::answer(argc, argv, app, {})) {
    std::cout << *candidates;
    return 0;
  }
  if (const auto status = command_line::parse(app, argc, argv, wrong_usage)) return *status;
  try {
    if (app.got_subcommand("show")) show(options);
    if (app.got_subcommand("check")) check(options);
    if (app.got_subcommand("make")) make(options);
    if (!command_line::flush_output())
      fail(command_line::no_output, command_line::mend_of_no_output);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "dboot-plan: error: " << error.what() << '\n';
    return no_answer;
  }
}
