#include <CLI/CLI.hpp>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "shared/command_line/completion.hpp"
#include "shared/command_line/parse.hpp"
#include "shared/system/syscalls.hpp"
#include "tools/dboot-log/account.hpp"
#include "tools/dboot-log/comparison.hpp"
#include "tools/dboot-log/json.hpp"
#include "tools/dboot-log/page.hpp"
#include "tools/dboot-log/reader.hpp"
#include "tools/dboot-log/sources.hpp"
#include "tools/dboot-log/timeline.hpp"

using namespace dboot;

namespace {

constexpr int no_answer = 1;
constexpr int wrong_usage = 2;

constexpr const char* description =
    "Tells how a takeover went, from the record that it has left: payload.log, or what dmesg, a\n"
    "journal, a serial line or a network has kept of it.";

constexpr const char* footer =
    "\nWithout FILE it is the record in /run/dboot, of the takeover that has led to this system. - "
    "is "
    "standard\ninput. Of several takeovers in a file the last one is told.\n"
    "\nExamples:\n"
    "  dboot-log                             how this system came to be\n"
    "  dboot-log --previous                  what the last one has left before the machine was "
    "reset\n"
    "  dmesg | dboot-log -                   from the kernel's log\n"
    "  dboot-log --svg takeover.svg log      a picture of it\n"
    "  dboot-log diff before.log after.log   what is slower, and what is new\n"
    "\nExit status: 0, 1 when there is nothing to tell, 2 for a command line that is none.";

struct Options {
  std::string file;
  std::string svg;
  std::string before;
  std::string after;
  bool json = false;
  bool previous = false;
  bool since_boot = false;
};

/// An error and how to mend it.
[[noreturn]] void fail(const std::string& what, const std::string& mend) {
  throw std::runtime_error(what + "\ndboot-log: to mend it: " + mend);
}

std::string mend_of(int error, const sources::Source& source) {
  if (error == EACCES) return "run it as root";
  if (error == ENOENT && source.name == sources::of_this_system().name)
    return "name a file: this system comes from no takeover, or its record is gone";
  return "name a file that can be read";
}

/// Empty when there is no line of a record.
std::optional<Account> account_of(const sources::Source& source, std::size_t* lines = nullptr) {
  Teller teller;
  reader::Counts counts;
  try {
    sources::read(source, [&](std::istream& stream) {
      counts.lines +=
          reader::read(stream, [&](const log::Record& record) { teller.tell(record); }).lines;
    });
  } catch (const std::system_error& error) {
    fail(error.what(), mend_of(error.code().value(), source));
  }
  if (lines != nullptr) *lines = counts.lines;
  auto account = teller.finish();
  if (account && account->newer_format)
    fail(
        source.name + " has a record of a newer format than " + std::to_string(log::format_version),
        "take the dboot-log of the dboot that has written it");
  if (teller.earlier() != 0)
    std::cerr << "dboot-log: the last of " << teller.earlier() + 1 << " takeovers in "
              << source.name << '\n';
  return account;
}

Account read_account(const sources::Source& source) {
  std::size_t lines = 0;
  if (auto account = account_of(source, &lines)) return std::move(*account);
  if (lines == 0) fail(source.name + " is empty", "name the record of a takeover");
  fail("no line of a record is among the " + std::to_string(lines) + " lines of " + source.name,
       "name the payload.log of a takeover, or a log that its lines have gone to");
}

/// One that cannot be read is no reason not to look for others.
std::optional<Account> try_account_of(const sources::Source& source) try {
  return account_of(source);
} catch (const std::exception& error) {
  std::cerr << "dboot-log: passed over " << log::escaped(source.name) << ": " << error.what()
            << '\n';
  return std::nullopt;
}

/// The newest, by what the records say of their time, else by that of their files.
Account previous() {
  std::optional<Account> newest;
  std::string name;
  std::string time;
  std::vector<std::string> others;
  for (const auto& source : sources::of_previous_systems()) {
    auto account = try_account_of(source);
    if (!account) continue;
    auto its_time = account->time.empty() ? source.time : account->time;
    if (newest && its_time <= time) {
      others.push_back(source.name);
      continue;
    }
    if (newest) others.push_back(name);
    newest = std::move(account);
    name = source.name;
    time = std::move(its_time);
  }
  if (newest) {
    std::cerr << "dboot-log: from " << log::escaped(name) << '\n';
    for (const auto& other : others)
      std::cerr << "dboot-log: there is also " << log::escaped(other) << '\n';
    return std::move(*newest);
  }
  fail(
      "no earlier takeover has left a record in /sys/fs/pstore, /var/lib/systemd/pstore or "
      "/var/log/dboot",
      "name a file; a machine without pstore keeps none of a takeover that has failed, "
      "--log-to udp:ADDRESS:PORT does");
}

void write_picture(const Options& options, const Account& account) {
  if (options.svg == "-") {
    std::cout << timeline(account);
    return;
  }
  std::error_code ignored;
  if (std::filesystem::equivalent(options.svg, options.file, ignored))
    fail("--svg " + options.svg + " would take the place of the record", "name another file");
  try {
    sys::replace_file(options.svg, timeline(account), 0644);
  } catch (const std::system_error& error) {
    fail(error.what(), "name a file that can be written");
  }
}

void run(const Options& options) {
  if (!options.before.empty()) {
    const auto before = read_account({options.before, {options.before}, {}});
    const auto comparison = compare(before, read_account({options.after, {options.after}, {}}));
    std::cout << (options.json ? json(comparison) : text(comparison));
    return;
  }
  const auto account = options.previous       ? previous()
                       : options.file.empty() ? read_account(sources::of_this_system())
                                              : read_account({options.file, {options.file}, {}});
  if (!options.svg.empty()) write_picture(options, account);
  if (options.json) {
    std::cout << json(account);
  } else if (options.svg.empty()) {
    std::cout << page::text(account);
  }
}

void declare(CLI::App& app, Options& options) {
  const CLI::Validator is_named(
      [](const std::string& name) { return name.empty() ? "its name is empty" : ""; }, "");
  app.description(description);
  app.footer(footer);
  app.set_version_flag("--version", "dboot-log " DBOOT_VERSION);
  completion::declare(app);
  app.add_option("file", options.file)->option_text("FILE")->check(is_named);
  app.add_flag("--json", options.json, "As JSON: dboot-log(1) has its fields");
  auto* const svg =
      app.add_option("--svg", options.svg, "Draws it, instead of telling it; - is standard output");
  svg->option_text("FILE")->check(is_named);
  auto* const since = app.add_flag("--since-boot", options.since_boot,
                                   "The takeover that has led to this system (the default)");
  auto* const before = app.add_flag("--previous", options.previous,
                                    "The newest record from before the machine was started anew");
  before->excludes(since)->excludes("file");
  since->excludes("file");
  auto* const diff = app.add_subcommand("diff", "What has changed from one takeover to the next");
  diff->excludes(svg)->excludes(since)->excludes(before)->excludes(app.get_option("file"));
  diff->add_option("before", options.before)->check(is_named)->required()->option_text("BEFORE");
  diff->add_option("after", options.after)->check(is_named)->required()->option_text("AFTER");
  diff->add_flag("--json", options.json, "As JSON");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("", "dboot-log");
  declare(app, options);
  if (const auto candidates = completion::answer(argc, argv, app, {})) {
    std::cout << *candidates;
    return 0;
  }
  if (const auto status = command_line::parse(app, argc, argv, wrong_usage)) return *status;
  try {
    run(options);
    if (!command_line::flush_output())
      fail(command_line::no_output, command_line::mend_of_no_output);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "dboot-log: error: " << error.what() << '\n';
    return no_answer;
  }
}
