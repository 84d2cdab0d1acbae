// The manual pages say what the programs do: each option, each message and key of the record.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include "injector/options.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

namespace fs = std::filesystem;
using Words = std::set<std::string>;

std::string source(const std::string& path) {
  return sys::read_file(std::string(DBOOT_SOURCE_DIR) + '/' + path);
}

Words matches(const std::string& text, const std::regex& pattern) {
  Words found;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match)
    found.insert((*match)[1]);
  return found;
}

std::string help() {
  const std::array arguments{"dboot-inject", "--help"};
  try {
    options::parse(static_cast<int>(arguments.size()), arguments.data());
  } catch (const options::Answer& answer) {
    return answer.what();
  }
  return "";
}

/// Those at the beginning of the lines that have some there.
Words options_in(const std::string& text, const std::regex& line) {
  Words found;
  for (std::sregex_iterator match(text.begin(), text.end(), line), end; match != end; ++match)
    found.merge(matches((*match)[0], std::regex("(?:^|[ ,`])(--?[A-Za-z-]+)")));
  return found;
}

TEST(Manual, HasTheOptionsOfTheProgram) {
  const auto in_help = options_in(help(), std::regex("(^|\n) +-[^ ]*(, *-[^ ]*)*"));
  const auto in_manual =
      options_in(source("injector/dboot-inject.8.md"), std::regex("(^|\n)`-[^\n]*"));
  EXPECT_GT(in_help.size(), 25U);
  for (const auto& option : in_help) EXPECT_TRUE(in_manual.contains(option)) << option;
  // "-" is an IMAGE.
  for (const auto& option : in_manual) EXPECT_TRUE(in_help.contains(option)) << option;
}

/// One call that writes a line.
struct Message {
  std::string text;
  Words keys;
};

/// From behind the opening parenthesis to the closing one.
std::string arguments_of_call(std::string_view text) {
  int depth = 1;
  bool in_literal = false;
  std::size_t at = 0;
  for (; at < text.size() && depth > 0; ++at) {
    if (in_literal && text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      in_literal = !in_literal;
    } else if (!in_literal && (text[at] == '(' || text[at] == ')')) {
      depth += text[at] == '(' ? 1 : -1;
    }
  }
  return std::string(text.substr(0, at - 1));
}

std::vector<std::string> literals_in(const std::string& text) {
  std::vector<std::string> found;
  const std::regex literal("\"((?:[^\"\\\\]|\\\\.)*)\"");
  std::size_t end = 0;
  for (std::sregex_iterator match(text.begin(), text.end(), literal), none; match != none;
       ++match) {
    const auto begin = static_cast<std::size_t>(match->position());
    const std::string between = text.substr(end, begin - end);
    // The compiler joins them.
    if (!found.empty() && std::all_of(between.begin(), between.end(), ::isspace)) {
      found.back() += (*match)[1];
    } else {
      found.push_back((*match)[1]);
    }
    end = begin + static_cast<std::size_t>(match->length());
  }
  return found;
}

void collect(const std::string& text, std::vector<Message>& messages) {
  static const std::regex call(
      "(?:\\blog_?\\.|\\breport::|\\breport_?\\.(?=trace|debug|info|warning)|[ "
      "(])(trace|debug|info|warning|error|note|write)\\(");
  for (std::sregex_iterator match(text.begin(), text.end(), call), end; match != end; ++match) {
    const bool is_of_log = match->str().find_first_of(".:") != std::string::npos;
    const auto arguments = arguments_of_call(std::string_view(text).substr(
        static_cast<std::size_t>(match->position() + match->length())));
    const std::string message = arguments.substr(0, arguments.find("{{"));
    auto parts = literals_in(message);
    // As a function of its own it is a line only where the message comes first.
    if (parts.empty() || (!is_of_log && message.front() != '"')) continue;
    const auto keys = matches(arguments, std::regex("\\{(?:\"|log::)([a-z_0-9]+?)(?:_key)?\"?,"));
    // One of two, where a condition decides.
    for (const auto& part : parts) messages.push_back({part, keys});
  }
}

std::vector<Message> messages_of_the_code() {
  std::vector<Message> messages;
  for (const std::string room : {"injector", "payload", "shared"}) {
    for (const auto& entry :
         fs::recursive_directory_iterator(std::string(DBOOT_SOURCE_DIR) + '/' + room)) {
      if (entry.path().extension() == ".cpp" || entry.path().extension() == ".hpp")
        collect(sys::read_file(entry.path()), messages);
    }
  }
  return messages;
}

/// The keys of each message.
std::map<std::string, Words> glossary() {
  std::map<std::string, Words> entries;
  const std::string page = source("shared/dboot-log.5.md");
  const std::regex entry("^\\*\\*(.+)\\*\\*(( `[a-z_0-9]+`)*)$");
  const std::string text = page.substr(page.find("# GLOSSARY"));
  for (const auto line : lines_of(text)) {
    std::smatch match;
    const std::string words(line);
    if (std::regex_match(words, match, entry))
      entries[match[1]].merge(matches(match[2], std::regex("`([a-z_0-9]+)`")));
  }
  return entries;
}

TEST(Manual, ExplainsEachMessageAndKeyOfTheRecord) {
  const auto entries = glossary();
  Words unused;
  for (const auto& [entry, keys] : entries) unused.insert(entry);
  std::map<std::string, Words> used;
  for (const auto& message : messages_of_the_code()) {
    if (message.text == "self-test") continue;
    const auto found = entries.find(message.text);
    if (found == entries.end()) {
      ADD_FAILURE() << "not in the glossary: " << message.text;
      continue;
    }
    unused.erase(found->first);
    for (const auto& key : message.keys) {
      EXPECT_TRUE(found->second.contains(key)) << found->first << ": " << key;
      used[found->first].insert(key);
    }
  }
  EXPECT_GT(used.size(), 60U);
  for (const auto& fact : plan::facts(Plan())) used["plan"].insert(fact.key);
  // Made by log::of_call() and log::Backlog.
  unused.erase("call");
  unused.erase("lines left out");
  for (const auto& entry : unused) ADD_FAILURE() << "nowhere in the code: " << entry;
  for (const auto& [entry, keys] : used) {
    for (const auto& key : entries.at(entry))
      EXPECT_TRUE(keys.contains(key)) << entry << " has no " << key;
  }
}

}  // namespace
}  // namespace dboot
