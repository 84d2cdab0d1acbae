#include "injector/defaults.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "injector/options.hpp"
#include "tests/support/failure_of.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

class Defaults : public testing::Test {
 protected:
  Options parse(const std::string& text, std::vector<const char*> arguments) {
    write_text(directory_ / "config.toml", text);
    arguments.insert(arguments.begin(), "dboot-inject");
    return options::parse(static_cast<int>(arguments.size()), arguments.data(), file_);
  }
  std::string refusal(const std::string& text, std::vector<const char*> arguments = {"debian"}) {
    try {
      parse(text, std::move(arguments));
    } catch (const options::Mistake& mistake) {
      return mistake.cause + " | " + mistake.mend;
    }
    return "parsed";
  }

  TemporaryDirectory directory_;
  std::string file_ = (directory_ / "config.toml").string();
};

TEST_F(Defaults, AreWhatTheCommandLineLeavesOpen) {
  const std::string text =
      "# of this machine\ngrace = \"30s\"\nhostname = 'box'  # its name\n\n"
      "write-network = true\nno-disk-log = false\nrescue-ssh = 2222\n";
  const auto all = parse(text, {"debian"});
  EXPECT_EQ(all.grace, 30s);
  EXPECT_EQ(all.hostname, "box");
  EXPECT_TRUE(all.write_network);
  EXPECT_FALSE(all.no_disk_log);
  EXPECT_EQ(all.rescue_port, 2222);
  EXPECT_THAT(all.defaults,
              ElementsAre("--grace=30s", "--hostname=box", "--write-network", "--rescue-ssh=2222"));
  const auto some = parse(text, {"--grace", "1s", "debian"});
  EXPECT_EQ(some.grace, 1s);
  EXPECT_EQ(some.hostname, "box");
  EXPECT_THAT(some.defaults, testing::Not(testing::Contains("--grace=30s")));
}

TEST_F(Defaults, AddToWhatIsRepeatable) {
  const auto options = parse("env = [\"A=1, 2\", \"B=x y\"]\nssh-key = \"/a.pub\"\n",
                             {"-e", "C=3", "--ssh-key", "/b.pub", "debian"});
  EXPECT_THAT(options.overrides.environment, ElementsAre("A=1, 2", "B=x y", "C=3"));
  EXPECT_THAT(options.ssh_keys, ElementsAre("/a.pub", "/b.pub"));
}

TEST_F(Defaults, GiveWayToWhatContradictsThem) {
  const auto options =
      parse("keep-ssh = \"yes\"\nlog-level = \"trace\"\n", {"--no-ssh", "-q", "x"});
  EXPECT_EQ(options.keep_ssh, Options::Keep::no);
  EXPECT_EQ(options.log_level, log::Level::warning);
  EXPECT_THAT(options.defaults, IsEmpty());
}

TEST_F(Defaults, MayNotSayWhatAPersonHasToSay) {
  for (const std::string name : {"yes", "force", "rehearse", "dry-run", "json", "help"}) {
    for (const std::string value : {"true", "false"})
      EXPECT_THAT(refusal(name + " = " + value),
                  AllOf(HasSubstr(file_ + " sets " + name),
                        HasSubstr("which only a command line may say")));
  }
}

TEST_F(Defaults, MistakesNameTheFile) {
  EXPECT_THAT(refusal("grcae = 5"),
              AllOf(HasSubstr("sets grcae, which is no option"), HasSubstr("say --grace if")));
  EXPECT_THAT(refusal("grace = \"soon\""), AllOf(HasSubstr(file_ + ": --grace: 'soon' is no time"),
                                                 HasSubstr("correct the file")));
  EXPECT_THAT(refusal("renew = 1"), HasSubstr("neither true nor false"));
  EXPECT_THAT(refusal("hostname = [\"a\", \"b\"]"), HasSubstr("sets hostname to 2 values"));
  EXPECT_THAT(refusal("[section]\ngrace = 5"), HasSubstr("line 1: there are no sections"));
  EXPECT_THAT(refusal("\nenv = \"A=#1\""), HasSubstr("line 2: a value with a #"));
  EXPECT_THAT(refusal("hostname = \"a"), HasSubstr("a quote is not closed"));
  EXPECT_THAT(refusal("nonsense"), HasSubstr("has 'nonsense', which is no option = VALUE"));
  EXPECT_THAT(
      refusal("renew = true", {"--keep-network", "no", "debian"}),
      AllOf(HasSubstr("--renew needs the network to be kept"), HasSubstr(file_ + " sets --renew")));
}

TEST_F(Defaults, AreNotReadWhereNothingIsToBeDone) {
  EXPECT_THROW(parse("nonsense", {"--help"}), options::Answer);
  EXPECT_EQ(refusal("", {"debian"}), "parsed");
  EXPECT_THROW(parse("nonsense", {"--version"}), options::Answer);
}

TEST_F(Defaults, AreTakenFromNobodyElse) {
  write_text(directory_ / "config.toml", "grace = 5\n");
  ::chmod(file_.c_str(), 0664);
  EXPECT_THAT(failure_of([&] { defaults::read(file_); }),
              AllOf(HasSubstr("may be written by others"), HasSubstr("chmod go-w " + file_)));
  ::chmod(file_.c_str(), 0644);
  EXPECT_EQ(defaults::read(file_), "grace = 5\n");
  EXPECT_EQ(defaults::read(file_ + ".missing"), "");
  EXPECT_THAT(failure_of([&] { defaults::read(directory_.path().string()); }),
              HasSubstr("is no file"));
}

}  // namespace
}  // namespace dboot
