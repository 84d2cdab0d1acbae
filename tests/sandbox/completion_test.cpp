// What the three shells make of it: each is typed into, on a terminal.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

struct Shell {
  const char* name;
  const char* command;
  /// Completes PROGRAM's command lines from here on.
  const char* prepare;
};

constexpr Shell shells[] = {
    {"bash", "bash --norc --noprofile -i", "PS1=; source <(PROGRAM --completion bash)"},
    {"zsh", "zsh -f -i",
     "PS1=; autoload -U compinit; compinit -u -D; source <(PROGRAM --completion zsh)"},
    {"fish", "fish --no-config -i",
     "function fish_prompt; end; PROGRAM --completion fish | source"},
};

/// Types into a shell: $1 starts it, $2 prepares it, $3 is completed. The line is then put behind a
/// printf, which ^A and ^E do in all of them, so that the shell itself tells what it stands for.
constexpr const char* type = R"(
zmodload zsh/zpty
zpty s $1
zpty -w s "$2; echo re''ady"
zpty -r s out '*ready*'
zpty -w -n s "$3"$'\t\x01printf "[%s]" \x05; echo en""d\n'
zpty -r s out $'*end\r*'
print -r -- ${${out%end*}##*$'\n'}
)";

class Typing : public ::testing::Test {
 protected:
  Typing() {
    fs::create_directories(home_ / "my images");
    std::ofstream(home_ / "my images/it's $5.tar") << "x";
    std::ofstream(home_ / "small.tar") << "x";
    fs::create_symlink(programs(), home_ / "programs");
  }

  static fs::path programs() { return fs::path(DBOOT_INJECT).parent_path(); }

  std::string run(const std::vector<std::string>& words) {
    std::vector<std::string> all{"/usr/bin/env", "HOME=" + home_.path().string(), "TERM=dumb",
                                 "PATH=" + programs().string() + ":/usr/bin:/bin"};
    all.insert(all.end(), words.begin(), words.end());
    return host_.run(all).output;
  }

  /// The words that `line` stands for when it has been completed: "[a][b]\n".
  std::string completed(const Shell& shell, const std::string& program, const std::string& line) {
    std::string prepare = shell.prepare;
    if (const auto at = prepare.find("PROGRAM"); at != std::string::npos)
      prepare.replace(at, std::string_view("PROGRAM").size(), program);
    return run({"zsh", "-f", "-c", type, "type", shell.command, prepare, line});
  }

  TemporaryDirectory home_;
  SandboxHost host_;
};

class CompletionInShells : public Typing, public ::testing::WithParamInterface<Shell> {
 protected:
  std::string complete(const std::string& program, const std::string& line) {
    return completed(GetParam(), program, line);
  }
};
using CompletionScripts = Typing;

TEST_P(CompletionInShells, OfOptionsAndTheirValues) {
  EXPECT_EQ(complete("dboot-inject", "dboot-inject --reh"), "[dboot-inject][--rehearse]\n");
  EXPECT_EQ(complete("dboot-inject", "dboot-inject --modules lo"),
            "[dboot-inject][--modules][loaded]\n");
  // For bash words begin anew behind = and :.
  EXPECT_EQ(complete("dboot-inject", "dboot-inject --modules=lo"),
            "[dboot-inject][--modules=loaded]\n");
  EXPECT_EQ(complete("dboot-inject", "dboot-inject --break after:cons"),
            "[dboot-inject][--break][after:console]\n");
  EXPECT_EQ(complete("dboot-inject", "dboot-inject --hook before:sync=/usr/bin/unsha"),
            "[dboot-inject][--hook][before:sync=/usr/bin/unshare]\n");
}

TEST_P(CompletionInShells, OfOtherPrograms) {
  EXPECT_EQ(complete("dboot-log", "dboot-log dif"), "[dboot-log][diff]\n");
  EXPECT_EQ(complete("dboot-plan", "dboot-plan sh"), "[dboot-plan][show]\n");
  EXPECT_EQ(complete("dboot-inject", "~/programs/dboot-inject --reh"),
            std::string("[") + home_.path().string() + "/programs/dboot-inject][--rehearse]\n");
}

TEST_P(CompletionInShells, OfFilesWithTheQuotesThatTheyWant) {
  const auto home = home_.path().string();
  const auto completed = [&](const std::string& begin) {
    return complete("dboot-inject", "dboot-inject " + begin);
  };
  const std::string box = "[dboot-inject][";
  const auto small = box + home + "/small.tar]\n";
  const auto awkward = box + home + "/my images/it's $5.tar]\n";
  EXPECT_EQ(completed(home + "/sm"), small);
  EXPECT_EQ(completed("~/sm"), small);
  EXPECT_EQ(completed("docker-archive:" + home + "/sm"),
            "[dboot-inject][docker-archive:" + home + "/small.tar]\n");
  EXPECT_EQ(completed("'" + home + "/my images/it"), awkward);
  EXPECT_EQ(completed("\"" + home + "/my images/it"), awkward);
  EXPECT_EQ(completed("\"" + home + "/my images\"/i"), awkward);
  EXPECT_EQ(completed(home + "/my\\ images/it"), awkward);
  EXPECT_EQ(completed("~/my\\ im"), box + home + "/my images/]\n");
  EXPECT_EQ(completed("--payload=\"" + home + "/my images/i"),
            "[dboot-inject][--payload=" + home + "/my images/it's $5.tar]\n");
}

/// Where it is installed, zsh loads it when it is needed first.
TEST_F(CompletionScripts, AreLoadedByNeed) {
  run({"sh", "-c", "mkdir ~/site; dboot-log --completion zsh >~/site/_dboot-log"});
  const Shell zsh{"zsh", "zsh -f -i",
                  "PS1=; fpath=(~/site $fpath); autoload -U compinit; compinit -u -D"};
  EXPECT_EQ(completed(zsh, "dboot-log", "dboot-log dif"), "[dboot-log][diff]\n");
}

TEST_F(CompletionScripts, AreForThreeShells) {
  for (const std::string program : {"dboot-inject", "dboot-log", "dboot-plan"})
    EXPECT_THAT(run({"sh", "-c", program + " --completion tcsh; echo status $?"}),
                AllOf(HasSubstr("'tcsh' is none of bash, zsh, fish"), Not(HasSubstr("status 0"))));
}

/// Of programs that only print.
TEST_F(Typing, AFullDiskIsNoSuccess) {
  for (const std::string program : {"dboot-inject", "dboot-log", "dboot-plan"}) {
    for (const std::string option : {"--help", "--version", "--completion bash"})
      EXPECT_THAT(run({"sh", "-c", program + ' ' + option + " >/dev/full; echo status $?"}),
                  AllOf(HasSubstr("cannot write to standard output"), Not(HasSubstr("status 0"))))
          << program << option;
  }
}

INSTANTIATE_TEST_SUITE_P(, CompletionInShells, ::testing::ValuesIn(shells),
                         [](const auto& shell) { return std::string(shell.param.name); });

}  // namespace
}  // namespace dboot::testing
