#include "shared/command_line/completion.hpp"

#include <gmock/gmock.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "injector/completions.hpp"
#include "injector/declared_options.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {
namespace {

using completion::Candidates;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string> words_of(const Candidates& candidates) {
  std::vector<std::string> words;
  for (const auto& candidate : candidates) words.push_back(candidate.word);
  return words;
}

class Completion : public ::testing::Test {
 protected:
  Completion() { options::declare(app_, options_, raw_); }

  std::vector<std::string> complete(const std::vector<std::string>& words) const {
    auto hints = completions::hints();
    hints.arguments = [](const std::string& typed, const completion::Given&) {
      return completion::beginning_with(typed, {"debian", "docker-archive:"});
    };
    return words_of(completion::complete(app_, words, hints));
  }

  Options options_;
  options::Raw raw_;
  CLI::App app_{"", "dboot-inject"};
};

TEST_F(Completion, KnowsEveryOptionAndNoOther) {
  const auto all = complete({"--"});
  EXPECT_THAT(all, AllOf(Contains("--rehearse"), Contains("--help"), Contains("--completion"),
                         Contains("--user"), Not(Contains("--complete"))));
  EXPECT_EQ(all.size(), app_.get_options().size() - 4);  // -t, -T, -q and -v
  EXPECT_THAT(complete({"--reh"}), ElementsAre("--rehearse"));
  EXPECT_THAT(complete({"--rehearse", "--dry-r"}), ElementsAre("--dry-run"));
}

TEST_F(Completion, KnowsWhatAnOptionMayBe) {
  EXPECT_THAT(complete({"--modules", ""}), ElementsAre("auto", "none", "loaded", "all"));
  EXPECT_THAT(complete({"--modules=lo"}), ElementsAre("--modules=loaded"));
  EXPECT_THAT(complete({"--pull", "n"}), ElementsAre("never"));
  EXPECT_THAT(complete({"--completion", "z"}), ElementsAre("zsh"));
  EXPECT_THAT(complete({"--console", ""}), ElementsAre("auto", "none"));
  EXPECT_THAT(complete({"--grace", ""}), IsEmpty());
  EXPECT_THAT(complete({"--grace=1"}), IsEmpty());
  EXPECT_THAT(complete({"--rehearse=t"}), IsEmpty());
}

TEST_F(Completion, KnowsThePlacesBetweenPhases) {
  EXPECT_THAT(complete({"--break", "after:"}),
              ElementsAre("after:console", "after:sync", "after:terminate", "after:release",
                          "after:hand-over"));
  EXPECT_THAT(complete({"--break", "before:"}), Not(Contains("before:wake")));
  EXPECT_THAT(complete({"--hook", "before:w"}), ElementsAre("before:wake="));
}

TEST_F(Completion, EndsBehindTheImage) {
  EXPECT_THAT(complete({"--rehearse", "d"}), ElementsAre("debian", "docker-archive:"));
  EXPECT_THAT(complete({"--", "deb"}), ElementsAre("debian"));
  EXPECT_THAT(complete({"--grace", "5", "deb"}), ElementsAre("debian"));
  EXPECT_THAT(complete({"-e", "A=b", "deb"}), ElementsAre("debian"));
  EXPECT_THAT(complete({"debian", "--"}), IsEmpty());
  EXPECT_THAT(complete({"debian", "/bin/"}), IsEmpty());
  EXPECT_THAT(complete({}), IsEmpty());
}

TEST_F(Completion, KnowsFiles) {
  const TemporaryDirectory directory;
  const auto path = directory.path().string();
  std::filesystem::create_directory(directory / "images");
  std::ofstream(directory / "image.tar") << "x";
  std::ofstream(directory / ".hidden") << "x";
  std::ofstream(directory / "new\nline") << "x";
  EXPECT_THAT(words_of(completion::files(path + "/im")),
              ElementsAre(path + "/image.tar", path + "/images/"));
  EXPECT_THAT(words_of(completion::files(path + "/")),
              ElementsAre(path + "/image.tar", path + "/images/"));
  EXPECT_THAT(words_of(completion::files(path + "/.h")), ElementsAre(path + "/.hidden"));
  EXPECT_THAT(completion::files(path + "/nowhere/x"), IsEmpty());
  EXPECT_THAT(complete({"--payload", path + "/image."}), ElementsAre(path + "/image.tar"));
  EXPECT_THAT(complete({"--hook", "before:sync=" + path + "/image."}),
              ElementsAre("before:sync=" + path + "/image.tar"));
  const auto images = completions::hints().arguments;
  EXPECT_THAT(words_of(images("oci-archive:" + path + "/image.", {})),
              ElementsAre("oci-archive:" + path + "/image.tar"));
  EXPECT_THAT(words_of(images(path + "/image.", {})), ElementsAre(path + "/image.tar"));
  EXPECT_THAT(words_of(images("oci", {})), AllOf(Contains("oci:"), Contains("oci-archive:")));
}

TEST_F(Completion, AsksTheEngineThatWasNamed) {
  auto hints = completions::hints();
  std::string host;
  hints.arguments = [&](const std::string&, const completion::Given& given) {
    const auto found = given.find("--host");
    host = found == given.end() ? "" : found->second;
    return Candidates{};
  };
  completion::complete(app_, {"--host", "unix:///a", "x"}, hints);
  EXPECT_EQ(host, "unix:///a");
  completion::complete(app_, {"--host=unix:///b", "--rehearse", "x"}, hints);
  EXPECT_EQ(host, "unix:///b");
}

TEST_F(Completion, OfHomeDirectoriesIsForWordsThatShellsExpand) {
  const TemporaryDirectory home;
  std::ofstream(home / "image.tar") << "x";
  const std::string before = ::getenv("HOME") != nullptr ? ::getenv("HOME") : "";
  ::setenv("HOME", home.path().c_str(), 1);
  EXPECT_THAT(words_of(completion::files("~/im")), ElementsAre("~/image.tar"));
  EXPECT_THAT(words_of(completion::files_behind("oci:", "oci:~/im")), IsEmpty());
  ::setenv("HOME", before.c_str(), 1);
}

TEST_F(Completion, AnswersAShell) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "my image.tar") << "x";
  const auto answer = [&](const std::vector<const char*>& words) {
    std::vector<const char*> all{"dboot-inject"};
    all.insert(all.end(), words.begin(), words.end());
    return completion::answer(static_cast<int>(all.size()), all.data(), app_, completions::hints());
  };
  EXPECT_EQ(answer({"--complete", "dboot-inject --modules=lo"}), "--modules=loaded\t\t\n");
  EXPECT_EQ(answer({"--complete", "dboot-inject --modules=lo", "lo"}), "loaded\t\t\n");
  const auto path = directory.path().string() + "/my image.tar";
  const auto line = "dboot-inject --payload '" + directory.path().string() + "/my i";
  EXPECT_EQ(answer({"--complete", line.c_str()}), path + "\tfile\t\n");
  EXPECT_EQ(answer({"--complete", ""}), "");
  EXPECT_FALSE(answer({"--complete"}));
  EXPECT_FALSE(answer({"--rehearse", "x"}));
}

/// dboot-inject itself would refuse it.
TEST_F(Completion, GoesOnWithoutAnEngine) {
  for (const char* host : {"tcp://x", "unix:///nonexistent", "?"}) {
    ASSERT_EQ(::setenv("DOCKER_HOST", host, 1), 0);
    EXPECT_THAT(words_of(completions::hints().arguments("docker-a", {})),
                ElementsAre("docker-archive:"));
  }
  ::unsetenv("DOCKER_HOST");
}

TEST(CompletionOfCommands, KnowsThemAndTheirOptions) {
  CLI::App app("", "tool");
  bool value = false;
  app.add_flag("--json", value, "all");
  auto* const diff = app.add_subcommand("diff", "Compares");
  diff->add_flag("--brief", value, "less");
  const completion::Hints none{{}, [](const auto&...) { return Candidates{}; }, false};
  const auto complete = [&](const std::vector<std::string>& words) {
    return words_of(completion::complete(app, words, none));
  };
  EXPECT_THAT(complete({""}), ElementsAre("diff"));
  EXPECT_THAT(complete({"--"}), ElementsAre("--help", "--json"));
  EXPECT_THAT(complete({"diff", "--"}), ElementsAre("--help", "--brief"));
  EXPECT_THAT(complete({"x", ""}), IsEmpty());
}

TEST(CompletionScript, IsForThreeShells) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto script = completion::script(shell, "dboot-log");
    ASSERT_TRUE(script) << shell;
    EXPECT_THAT(*script,
                AllOf(HasSubstr("dboot-log"),
                      HasSubstr(shell == std::string_view("zsh") ? "_dboot-log" : "_dboot_log"),
                      Not(HasSubstr("PROGRAM")), Not(HasSubstr("FUNCTION"))));
  }
  EXPECT_FALSE(completion::script("tcsh", "dboot-log"));
}

}  // namespace
}  // namespace dboot
