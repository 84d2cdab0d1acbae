#include <gmock/gmock.h>

#include "tests/support/temporary_directory.hpp"
#include "tests/unit/parsed_options.hpp"

namespace dboot {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Options, ImageAloneStartsWhatTheImageSays) {
  const auto options = parse({"debian:12"});
  EXPECT_EQ(options.image, "debian:12");
  EXPECT_THAT(options.command, IsEmpty());
  EXPECT_FALSE(options.yes || options.force || options.rehearse || options.dry_run);
  EXPECT_EQ(options.grace, std::chrono::seconds(10));
  EXPECT_FALSE(options.start);
}

TEST(Options, EachPlaceGetsOneCopyOfTheLog) {
  EXPECT_THAT(parse({"--log-to", "tty5", "--log-to", "/log", "--log-to", "tty5", "debian"}).log_to,
              ElementsAre("tty5", "/log"));
}

TEST(Options, EachPlaceGetsOneShell) {
  EXPECT_EQ(parse({"--break", "after:sync", "--break", "after:sync", "debian"}).breakpoints.size(),
            1U);
}

TEST(Options, DashIsAnImage) {
  EXPECT_EQ(parse({"-"}).image, "-");
  EXPECT_EQ(parse({"--yes", "-", "--", "sh"}).image, "-");
}

TEST(Options, WhatFollowsTheImageIsTheCommand) {
  const auto options = parse({"--yes", "debian", "ls", "--yes", "--", "-l", "--help"});
  EXPECT_EQ(options.image, "debian");
  EXPECT_THAT(options.command, ElementsAre("ls", "--yes", "--", "-l", "--help"));
}

TEST(Options, DashesBehindTheImageAreDropped) {
  EXPECT_THAT(parse({"debian", "--", "/bin/bash", "--login"}).command,
              ElementsAre("/bin/bash", "--login"));
  EXPECT_THAT(parse({"debian", "--", "--", "x"}).command, ElementsAre("--", "x"));
}

TEST(Options, EmptyArgumentsOfTheCommandAreKept) {
  EXPECT_THAT(parse({"debian", "sh", "", "x"}).command, ElementsAre("sh", "", "x"));
}

TEST(Options, ValuesAreRead) {
  const auto options =
      parse({"--init",    "exec",   "--on-exit=poweroff", "--on-failure", "reboot",
             "--grace",   "2.5",    "--console",          "ttyS1",        "--hostname",
             "box-1",     "--host", "unix:///x",          "--log-level",  "debug",
             "--payload", "/p",     "--root-size",        "64M",          "./r.tar"});
  EXPECT_EQ(options.start, Start::exec);
  EXPECT_EQ(options.on_exit, OnExit::poweroff);
  EXPECT_EQ(options.on_failure, OnFailure::reboot);
  EXPECT_EQ(options.grace, std::chrono::milliseconds(2500));
  EXPECT_EQ(options.console, "ttyS1");
  EXPECT_EQ(options.hostname, "box-1");
  EXPECT_EQ(options.engine_host, "unix:///x");
  EXPECT_EQ(options.log_level, log::Level::debug);
  EXPECT_EQ(options.payload, "/p");
  EXPECT_EQ(options.root_size, 64UL << 20);
  EXPECT_EQ(options.image, "./r.tar");
}

TEST(Options, SwitchWithAValueIsRefused) {
  for (const std::string name :
       {"--rehearse", "--dry-run", "--json", "--yes", "--force", "--no-disk-log", "--renew",
        "--require-release", "--write-network"}) {
    for (const std::string value : {"=false", "=true", "=0", "=1", "=no", "=", "={}"}) {
      const auto given = answer({(name + value).c_str(), "debian"});
      EXPECT_EQ(given.status, 125) << name << value;
      EXPECT_THAT(given.what(), AllOf(HasSubstr(name), HasSubstr("takes no value")));
    }
  }
}

TEST(Options, JsonIsOfADryRun) {
  EXPECT_TRUE(parse({"--dry-run", "--json", "debian"}).json);
  EXPECT_FALSE(parse({"--dry-run", "debian"}).json);
  EXPECT_THAT(answer({"--json", "debian"}).what(),
              AllOf(HasSubstr("--json is about what a dry run or the doctor prints"),
                    HasSubstr("--dry-run")));
}

TEST(Options, DoctorNeedsNoImageAndTakesNoCommand) {
  EXPECT_TRUE(parse({"--doctor"}).doctor);
  EXPECT_EQ(parse({"--doctor", "debian"}).image, "debian");
  EXPECT_TRUE(parse({"--doctor", "--json"}).json);
  EXPECT_THAT(answer({"--doctor", "debian", "sh"}).what(), HasSubstr("no use for a COMMAND"));
  EXPECT_THAT(answer({"--doctor", "--rehearse", "debian"}).what(), HasSubstr("leave one of them"));
  EXPECT_THAT(answer({}).what(), HasSubstr("IMAGE is missing"));
}

TEST(Options, NetworkIsWrittenWhereItIsKept) {
  EXPECT_FALSE(parse({"debian"}).write_network);
  EXPECT_TRUE(parse({"--write-network", "debian"}).write_network);
  EXPECT_TRUE(parse({"--keep-network", "yes", "--write-network", "debian"}).write_network);
  EXPECT_TRUE(parse({"--renew", "debian"}).renew);
  EXPECT_THAT(answer({"--renew", "--write-network", "debian"}).what(),
              HasSubstr("would both configure the network"));
  EXPECT_THAT(answer({"--renew", "--keep-network", "no", "debian"}).what(),
              HasSubstr("--renew needs the network to be kept"));
  EXPECT_THAT(answer({"--write-network", "--keep-network", "no", "debian"}).what(),
              AllOf(HasSubstr("--write-network needs the network to be kept"),
                    HasSubstr("--keep-network no")));
}

TEST(Options, TerminalIsARehearsals) {
  EXPECT_EQ(parse({"--rehearse", "debian"}).terminal, Options::Terminal::automatic);
  EXPECT_EQ(parse({"--rehearse", "-t", "debian"}).terminal, Options::Terminal::yes);
  EXPECT_EQ(parse({"--rehearse", "-T", "debian"}).terminal, Options::Terminal::no);
  EXPECT_EQ(answer({"--rehearse", "-tT", "debian"}).status, 125);
  for (const char* name : {"-t", "-T"})
    EXPECT_THAT(answer({name, "debian"}).what(),
                HasSubstr("are about the terminal of a rehearsal"));
}

TEST(Options, OptionInThePlaceOfAValueIsRefused) {
  for (const char* option : {"-e", "--host", "--payload", "--entrypoint", "--copy"}) {
    const auto given = answer({option, "--rehearse", "debian"});
    EXPECT_EQ(given.status, 125) << option;
    EXPECT_THAT(given.what(), HasSubstr("--rehearse is an option")) << option;
  }
}

TEST(Options, LastOfSeveralValuesCounts) {
  using namespace std::chrono_literals;
  const auto options = parse({"--grace", "1s", "--hostname=a", "--pull", "never", "--grace", "2s",
                              "--hostname", "b", "--pull=always", "--yes", "--yes", "debian"});
  EXPECT_EQ(options.grace, 2s);
  EXPECT_EQ(options.hostname, "b");
  EXPECT_EQ(options.pull, image::Pull::always);
  EXPECT_TRUE(options.yes);
  EXPECT_EQ(answer({"--grace", "x", "--grace", "2s", "debian"}).status, 125);
}

TEST(Options, UnknownOptionsNameWhatWasMeant) {
  EXPECT_THAT(
      answer({"--rehears", "debian"}).what(),
      HasSubstr("unknown option --rehears\ndboot-inject: to mend it: say --rehearse if that "
                "is meant, or see dboot-inject --help"));
  EXPECT_THAT(answer({"--gracee=5", "debian"}).what(), HasSubstr("say --grace if"));
  EXPECT_THAT(answer({"--nonsense", "debian"}).what(),
              HasSubstr("to mend it: see dboot-inject --help"));
}

TEST(Options, OptionsOfDockerRunThatMeanNothingHereAreTold) {
  EXPECT_THAT(
      answer({"--rm", "debian"}).what(),
      HasSubstr("--rm is an option of docker run that is none here: there is no container"));
  EXPECT_THAT(answer({"-it", "debian"}).what(), HasSubstr("to mend it: leave it out"));
  EXPECT_THAT(answer({"--volume", "/a:/b", "debian"}).what(), HasSubstr("--copy HOSTPATH[:PATH]"));
}

TEST(Options, WhatDockerRunWouldTakeIsNoImage) {
  EXPECT_THAT(answer({"-v", "/tmp:/x", "debian"}).what(), HasSubstr("--copy HOSTPATH[:PATH]"));
  EXPECT_THAT(answer({"-v", "data:/x", "debian"}).what(), HasSubstr("--copy HOSTPATH[:PATH]"));
  EXPECT_THAT(answer({"-v/tmp:/x", "debian"}).what(), HasSubstr("--copy HOSTPATH[:PATH]"));
  EXPECT_EQ(parse({"-v", "debian:12"}).image, "debian:12");
  for (const char* image : {"docker-archive:./x", "docker-archive:/x", "dir:/x", "./a:/b"})
    EXPECT_EQ(parse({"-v", image}).image, image);
  EXPECT_THAT(answer({"run", "--rm", "debian"}).what(),
              HasSubstr("'run' is a command of docker's"));
  EXPECT_THAT(answer({"—dry-run", "debian"}).what(), HasSubstr("begins with a long dash"));
}

TEST(Options, HelpAndVersionAreNoImages) {
  EXPECT_EQ(answer({"help"}).status, 0);
  EXPECT_EQ(std::string(answer({"help"}).what()), answer({"--help"}).what());
  EXPECT_EQ(std::string(answer({"version"}).what()), answer({"--version"}).what());
  EXPECT_EQ(parse({"docker-daemon:help"}).image, "docker-daemon:help");
  EXPECT_EQ(parse({"--rehearse", "help", "x"}).image, "help");
}

TEST(Options, LevelHasShortForms) {
  EXPECT_EQ(parse({"-q", "debian"}).log_level, log::Level::warning);
  EXPECT_EQ(parse({"-v", "debian"}).log_level, log::Level::debug);
  EXPECT_EQ(parse({"-vv", "debian"}).log_level, log::Level::trace);
  EXPECT_EQ(parse({"-v", "-v", "debian"}).log_level, log::Level::trace);
  EXPECT_EQ(parse({"-q", "-q", "debian"}).log_level, log::Level::warning);
  for (const auto& contradiction :
       {std::vector<const char*>{"-q", "-v", "x"}, {"-v", "--log-level", "info", "x"}})
    EXPECT_THAT(answer(contradiction).what(), HasSubstr("contradict each other"));
}

TEST(Options, VariablesOfFilesComeBeforeThoseOfOptions) {
  const TemporaryDirectory directory;
  write_text(directory / "a", "A=1\nB=2\n");
  write_text(directory / "b", "C=3\n");
  const auto a = (directory / "a").string();
  const auto b = (directory / "b").string();
  const auto options = parse({"-e", "B=9", "--env-file", a.c_str(), "--env-file", b.c_str(), "x"});
  EXPECT_THAT(options.overrides.environment, ElementsAre("A=1", "B=2", "C=3", "B=9"));
  EXPECT_THAT(answer({"--env-file", "/nonexistent", "x"}).what(), HasSubstr("cannot open"));
}

TEST(Options, HelpHasNoWordsOfTheParser) {
  EXPECT_THAT(std::string(answer({"--help"}).what()), testing::Not(HasSubstr("Excludes")));
}

TEST(Options, CommandIsNotEmpty) {
  EXPECT_THAT(answer({"debian", ""}).what(), HasSubstr("COMMAND is empty"));
  EXPECT_THAT(answer({"debian", "--", ""}).what(), HasSubstr("COMMAND is empty"));
}

TEST(Options, ValueThatIsMissingBehindItsEqualsSignIsNotTheNextArgument) {
  for (const char* option : {"--hook=", "--grace=", "--host=", "--env=", "--copy=", "--init="}) {
    const auto given = answer({option, "debian"});
    EXPECT_EQ(given.status, 125) << option;
    EXPECT_THAT(given.what(), HasSubstr("a value is missing behind the =")) << option;
  }
}

TEST(Options, SwitchWithAValueBehindTheImageBelongsToTheCommand) {
  EXPECT_THAT(parse({"debian", "run", "--yes=false", "--force="}).command,
              ElementsAre("run", "--yes=false", "--force="));
}

TEST(Options, ImageIsOverriddenAsByDockerRun) {
  const auto options = parse({"--entrypoint", "/bin/sh -c", "-e", "A=1", "--env=B", "-eC=[x,y]",
                              "-w", "/srv", "-u", "web:disk", "debian", "-e", "D=1"});
  EXPECT_EQ(options.overrides.entrypoint, "/bin/sh -c");
  EXPECT_THAT(options.overrides.environment, ElementsAre("A=1", "B", "C=[x,y]"));
  EXPECT_EQ(options.overrides.working_directory, "/srv");
  EXPECT_EQ(options.user, "web:disk");
  EXPECT_EQ(options.image, "debian");
  EXPECT_THAT(options.command, ElementsAre("-e", "D=1"));
  EXPECT_FALSE(parse({"debian"}).overrides.entrypoint);
}

TEST(Options, EntrypointMayBeEmpty) {
  for (const auto& arguments : {std::vector<const char*>{"--entrypoint", "", "debian", "ls"},
                                {"--entrypoint=", "debian", "ls"}}) {
    const auto options = parse(arguments);
    EXPECT_EQ(options.overrides.entrypoint, "");
    EXPECT_EQ(options.image, "debian");
    EXPECT_THAT(options.command, ElementsAre("ls"));
  }
  EXPECT_THAT(parse({"debian", "x", "--entrypoint=", "y"}).command,
              ElementsAre("x", "--entrypoint=", "y"));
}

TEST(Options, FilesOfTheHostAreTakenAlong) {
  using rootfs::Share;
  EXPECT_EQ(parse({"debian"}).host_files.modules, Share::automatic);
  const auto options = parse({"--modules", "all", "--firmware=loaded", "--copy", "/etc/fstab",
                              "--copy=/root/a:/srv/b", "debian", "ls"});
  EXPECT_EQ(options.host_files.modules, Share::all);
  EXPECT_EQ(options.host_files.firmware, Share::loaded);
  ASSERT_EQ(options.host_files.copies.size(), 2U);
  EXPECT_EQ(options.host_files.copies[0].to, "/etc/fstab");
  EXPECT_EQ(options.host_files.copies[1].from, "/root/a");
  EXPECT_EQ(options.host_files.copies[1].to, "/srv/b");
  EXPECT_EQ(options.image, "debian");
  EXPECT_THAT(answer({"--modules", "some", "debian"}).what(),
              HasSubstr("'some' is none of all, auto, loaded, none"));
  EXPECT_THAT(answer({"--copy", "x:/proc/y", "debian"}).what(), HasSubstr("/proc"));
  EXPECT_THAT(answer({"--copy", "x:", "debian"}).what(), HasSubstr("x: says no PATH"));
  EXPECT_THAT(
      answer({"--copy", "/etc/fstab:etc/x", "debian"}).what(),
      AllOf(HasSubstr("PATH 'etc/x' is not absolute"), HasSubstr("say --copy /etc/fstab:/etc/x;")));
}

TEST(Options, MistakesAreNamedAndEndWith125) {
  EXPECT_EQ(answer({}).status, 125);
  EXPECT_THAT(answer({}).what(), HasSubstr("IMAGE is missing"));
  EXPECT_THAT(answer({"--nonsense", "debian"}).what(), HasSubstr("--nonsense"));
  EXPECT_THAT(answer({"--init", "perhaps", "debian"}).what(), HasSubstr("perhaps"));
  EXPECT_THAT(answer({"--on-exit", "explode", "debian"}).what(), HasSubstr("explode"));
  EXPECT_EQ(answer({"--grace", "-1", "debian"}).status, 125);
  EXPECT_EQ(answer({"--console", "../sda", "debian"}).status, 125);
  EXPECT_EQ(answer({"--hostname", "a b", "debian"}).status, 125);
  EXPECT_THAT(answer({"--workdir", "srv", "debian"}).what(), HasSubstr("'srv'"));
  EXPECT_THAT(answer({"--env", "=1", "debian"}).what(), HasSubstr("'=1'"));
  EXPECT_EQ(answer({"--user", "", "debian"}).status, 125);
}

TEST(Options, OwnOptionsBehindTheImageAreNotTakenForTheCommand) {
  for (const char* option : {"--rehearse", "--dry-run", "--root-size=1G"}) {
    const auto refusal = answer({"--yes", "debian", option});
    EXPECT_EQ(refusal.status, 125);
    EXPECT_THAT(refusal.what(), HasSubstr(std::string(option) + " stands behind IMAGE"));
    EXPECT_EQ(parse({"debian", "--", option}).command, std::vector<std::string>{option});
  }
  EXPECT_THAT(
      answer({"--yes", "debian", "--rehears"}).what(),
      AllOf(HasSubstr("may be meant to be --rehearse"), HasSubstr("put --rehearse before")));
  EXPECT_EQ(parse({"debian", "--", "--rehears"}).command, std::vector<std::string>{"--rehears"});
  EXPECT_EQ(parse({"debian", "--verbose"}).command, std::vector<std::string>{"--verbose"});
  EXPECT_EQ(parse({"debian", "ls", "--host"}).command, (std::vector<std::string>{"ls", "--host"}));
}

TEST(Options, HelpAndVersionAreAnswers) {
  EXPECT_EQ(answer({"--help"}).status, 0);
  EXPECT_THAT(answer({"--help"}).what(), HasSubstr("IMAGE [--] [COMMAND [ARG...]]"));
  EXPECT_THAT(answer({"--help"}).what(), HasSubstr("$DOCKER_HOST"));
  EXPECT_EQ(answer({"--version"}).status, 0);
  EXPECT_THAT(answer({"--version"}).what(), HasSubstr("dboot-inject 0."));
}

}  // namespace
}  // namespace dboot
