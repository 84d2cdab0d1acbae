// What the three shells make of it.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/sandbox/sandbox_host.hpp"

namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class CompletionInShells : public ::testing::Test {
 protected:
  /// `line`, read by that shell, which finds the programs.
  std::string run(const std::string& shell, const std::string& line) {
    const auto path = "PATH=" + fs::path(DBOOT_INJECT).parent_path().string() + ":/usr/bin:/bin; ";
    auto words = host_.run({"/usr/bin/env", "HOME=/tmp", "TERM=xterm", shell, "-c",
                            (shell == "fish" ? "set -x " + path.substr(0, 4) + ' ' + path.substr(5)
                                             : "export " + path) +
                                line});
    return words.output;
  }
  SandboxHost host_;
};

TEST_F(CompletionInShells, Bash) {
  const auto complete = [&](const std::string& line, const std::string& words) {
    return run("bash", "source <(dboot-inject --completion bash); COMP_LINE='" + line +
                           "' COMP_POINT=${#COMP_LINE} COMP_WORDS=(" + words +
                           "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _dboot_inject 2>/dev/null; "
                           "printf '%s|' \"${COMPREPLY[@]}\"");
  };
  EXPECT_EQ(complete("dboot-inject --reh", "dboot-inject --reh"), "--rehearse|");
  EXPECT_EQ(complete("dboot-inject --modules ", "dboot-inject --modules ''"),
            "auto|none|loaded|all|");
  // Its words begin anew behind = and :.
  EXPECT_EQ(complete("dboot-inject --modules=l", "dboot-inject --modules = l"), "loaded|");
  EXPECT_EQ(complete("dboot-inject --modules=", "dboot-inject --modules ="),
            "auto|none|loaded|all|");
  EXPECT_EQ(complete("dboot-inject --break after:c", "dboot-inject --break after : c"), "console|");
}

TEST_F(CompletionInShells, OthersAreRefused) {
  for (const std::string program : {"dboot-inject", "dboot-log", "dboot-plan"})
    EXPECT_THAT(run("bash", program + " --completion tcsh; echo status $?"),
                AllOf(HasSubstr("'tcsh' is none of bash, zsh, fish"), Not(HasSubstr("status 0"))));
}

TEST_F(CompletionInShells, Fish) {
  const auto complete = [&](const std::string& program, const std::string& line) {
    return run("fish", program + " --completion fish | source; complete -C '" + line + "'");
  };
  EXPECT_EQ(complete("dboot-inject", "dboot-inject --modules "), "all\nauto\nloaded\nnone\n");
  EXPECT_THAT(complete("dboot-inject", "dboot-inject --reh"),
              HasSubstr("--rehearse\tDo everything, but to a PID 1"));
  EXPECT_THAT(complete("dboot-log", "dboot-log dif"), HasSubstr("diff\tWhat has changed"));
}

/// Types into one with a terminal, and has it print the line that has become of it.
TEST_F(CompletionInShells, Zsh) {
  const auto complete = [&](const std::string& program, const std::string& line) {
    const auto prepare = "zpty -w z 'PS1=; autoload -U compinit; compinit -u -D; source <(" +
                         program + " --completion zsh); echo re\"\"ady'; ";
    const auto type = "zpty -w -n z $'" + line + "\\t\\x01echo got \\x05; echo en\"\"d\\n'; ";
    return run("zsh", "zmodload zsh/zpty; zpty z zsh -f -i; " + prepare +
                          "zpty -r z out '*ready*'; " + type +
                          "zpty -r z out '*end*'; print -r -- $out");
  };
  EXPECT_THAT(complete("dboot-inject", "dboot-inject --modules lo"),
              HasSubstr("\ngot dboot-inject --modules loaded"));
  // Where it is installed, zsh loads it when it is needed first.
  const auto installed =
      run("zsh",
          "mkdir -p /tmp/site; dboot-log --completion zsh >/tmp/site/_dboot-log; zmodload "
          "zsh/zpty; zpty z zsh -f -i; zpty -w z 'PS1=; fpath=(/tmp/site $fpath); autoload "
          "-U compinit; compinit -u -D; echo re\"\"ady'; zpty -r z out '*ready*'; zpty -w -n z "
          "$'dboot-log dif\\t\\x01echo got \\x05; echo en\"\"d\\n'; zpty -r z out '*end*'; "
          "print -r -- $out");
  EXPECT_THAT(installed, HasSubstr("\ngot dboot-log diff"));
  EXPECT_THAT(complete("dboot-plan", "dboot-plan sh"), HasSubstr("\ngot dboot-plan show"));
}

}  // namespace
}  // namespace dboot::testing
