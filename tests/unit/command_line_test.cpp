#include "shared/command_line/parse.hpp"

#include <gmock/gmock.h>

#include <CLI/CLI.hpp>

namespace dboot::command_line {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// What a tool with commands says of it.
std::string answer_to(std::vector<const char*> words) {
  CLI::App app("", "tool");
  app.require_subcommand(1);
  std::string text;
  auto* const show = app.add_subcommand("show", "shows");
  app.add_subcommand("make", "makes")->add_option("--output", text, "where")->required();
  std::string level;
  double grace = 0;
  show->add_option("file", text, "which")->required();
  show->add_option("--grace", grace, "how long")->option_text("SECONDS");
  bool quiet = false;
  bool loud = false;
  auto* const is_quiet = show->add_flag("--quiet", quiet, "less");
  is_quiet->excludes(show->add_flag("--loud", loud, "more"));
  show->add_option("--level", level, "how much")->check(CLI::IsMember({"low", "high"}));
  words.insert(words.begin(), "tool");
  ::testing::internal::CaptureStderr();
  const auto status = parse(app, static_cast<int>(words.size()), words.data(), 2);
  auto output = ::testing::internal::GetCapturedStderr();
  return status ? std::to_string(*status) + ' ' + output : "goes on";
}

TEST(CommandLine, TellsAMistakeInWordsOfItsOwn) {
  EXPECT_EQ(answer_to({"show", "file"}), "goes on");
  EXPECT_EQ(answer_to({"show", "file", "--grace"}),
            "2 tool: error: --grace needs a value: SECONDS\ntool: to mend it: see tool --help\n");
  EXPECT_THAT(answer_to({"show", "f", "--grace", "1", "--grace", "2"}),
              HasSubstr("error: --grace is given more than once\n"));
  EXPECT_THAT(answer_to({"show"}), HasSubstr("error: FILE is missing\n"));
  EXPECT_THAT(answer_to({}), HasSubstr("error: the command is missing: one of show, make\n"));
  EXPECT_THAT(answer_to({"show", "f", "--nope"}), HasSubstr("error: unknown option '--nope'\n"));
  EXPECT_THAT(answer_to({"show", "f", "a", "b"}), HasSubstr("error: unknown argument 'a'\n"));
  EXPECT_THAT(answer_to({"show", "f", "a --b"}), HasSubstr("error: unknown argument 'a --b'\n"));
  EXPECT_THAT(answer_to({"show", "f", "-"}), HasSubstr("error: unknown argument '-'\n"));
  EXPECT_THAT(answer_to({"nope"}), HasSubstr("error: unknown command 'nope': one of show, make\n"));
  EXPECT_THAT(answer_to({"shwo", "f"}),
              HasSubstr("to mend it: say show if that is meant, or see tool --help\n"));
  EXPECT_THAT(answer_to({"show", "f", "--grcae"}), HasSubstr("say --grace if that is meant"));
  EXPECT_THAT(answer_to({"show", "f", "--grace", "soon"}),
              HasSubstr("error: --grace: 'soon' is no number\n"));
  EXPECT_THAT(answer_to({"show", "f", "--quiet", "--loud"}),
              AllOf(HasSubstr("--quiet and --loud contradict each other\n"),
                    HasSubstr("leave one of them out")));
  EXPECT_THAT(answer_to({"make"}), HasSubstr("error: --output is missing\n"));
  EXPECT_THAT(answer_to({"show", "f", "--level", "no"}),
              HasSubstr("error: --level: 'no' is none of low, high\n"));
}

}  // namespace
}  // namespace dboot::command_line
