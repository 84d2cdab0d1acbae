#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "shared/plan/plan.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/temporary_directory.hpp"

// What goes in and out of a rehearsal. Whoever waits for something that must not be waited for is
// ended by the timeout of the test.
namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* for_ever = "86400";

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  UniqueFd read;
  UniqueFd write;
};

class RehearsalStdio : public ::testing::Test {
 protected:
  RehearsalStdio() {
    write_text(directory_ / "image.tar", busybox_image());
    write_text(directory_ / "input", "");
  }
  ~RehearsalStdio() override {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }

  std::string file(const char* name) const { return directory_ / name; }
  void input(const std::string& text) const { write_text(file("input"), text); }

  /// Starts a rehearsal of `script` with these on 0 to 2.
  void start(const std::vector<std::string>& options, const std::string& script, int in, int out,
             int err) {
    std::vector<std::string> words{DBOOT_INJECT, "--rehearse"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {file("image.tar"), "--", "/bin/sh", "-c", script});
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out, 1);
    ::posix_spawn_file_actions_adddup2(&actions, err, 2);
    const int error = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ASSERT_EQ(error, 0);
  }

  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

  /// With files on 0 to 2. The exit status.
  int rehearse(const std::vector<std::string>& options, const std::string& script) {
    const UniqueFd in = sys::open(file("input"), O_RDONLY);
    const UniqueFd out = sys::open(file("output"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const UniqueFd err = sys::open(file("error"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    start(options, script, in.get(), out.get(), err.get());
    return wait();
  }
  std::string output() const { return read_text(file("output")); }
  std::string error() const { return read_text(file("error")); }

  static std::string read_until(int fd, const std::string& text) {
    std::string all;
    std::array<char, 4096> bytes;
    while (all.find(text) == std::string::npos) {
      const ssize_t count = ::read(fd, bytes.data(), bytes.size());
      if (count <= 0) return all + " (ended)";
      all.append(bytes.data(), static_cast<std::size_t>(count));
    }
    return all;
  }

  TemporaryDirectory directory_;
  pid_t pid_ = 0;
};

std::string many_lines() {
  std::string lines;
  for (int i = 0; i < 200'000; ++i) lines += std::to_string(i) + "\n";
  return lines;
}

TEST_F(RehearsalStdio, InputThatNobodyReadsHoldsNothingUp) {
  input(many_lines());
  EXPECT_EQ(rehearse({}, "exit 4"), 4);
  EXPECT_EQ(rehearse({"-t"}, "exit 4"), 4);
}

TEST_F(RehearsalStdio, InputComesBackUnchanged) {
  input(many_lines() + std::string("\0\x01\x03\x04\x11\x13\r\n\xff", 9));
  EXPECT_EQ(rehearse({}, "cat"), 0);
  EXPECT_EQ(output(), read_text(file("input")));
}

TEST_F(RehearsalStdio, InputThroughATerminalComesToItsEndToo) {
  input(many_lines() + "last");
  EXPECT_EQ(rehearse({"-t"}, "stty -echo; cat"), 0);
  EXPECT_THAT(output(), HasSubstr("199999\r\nlast"));
}

TEST_F(RehearsalStdio, OutputPassesUnchanged) {
  EXPECT_EQ(rehearse({}, "cat /run/dboot/plan"), 0);
  const std::string bytes = output();
  const Plan plan =
      plan::decode({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  EXPECT_EQ(plan.arguments.back(), "cat /run/dboot/plan");
}

TEST_F(RehearsalStdio, OutputErrorsAndLogAreStreamsOfTheirOwn) {
  EXPECT_EQ(rehearse({}, "echo out; echo error >&2; echo console >/dev/console; exit 5"), 5);
  EXPECT_EQ(output(), "out\n");
  EXPECT_THAT(error(), AllOf(HasSubstr("error\n"), HasSubstr("console\r\n"),
                             HasSubstr("info hand-over starting executable=/bin/sh"),
                             HasSubstr("the command has ended how=\"exit status 5\"\n")));
}

TEST_F(RehearsalStdio, CommandHasATerminalOnlyWhenAsked) {
  EXPECT_EQ(rehearse({}, "test -t 0 || test -t 1 || test -t 2"), 1);
  EXPECT_EQ(rehearse({"-t"}, "test -t 0 && test -t 1 && test -t 2 && tty"), 0);
  EXPECT_EQ(output(), "/dev/console\r\n");
  EXPECT_THAT(error(), HasSubstr("hand-over finished"));
}

TEST_F(RehearsalStdio, AnotherUserMayOpenItsStreams) {
  for (const char* option : {"-t", "-T"}) {
    EXPECT_EQ(rehearse({option, "--user", "1234:5678"},
                       ": >/dev/console && echo opened >/proc/self/fd/1"),
              0);
    EXPECT_THAT(output(), StartsWith("opened")) << error();
  }
}

class RehearsalOnATerminal : public RehearsalStdio {
 protected:
  RehearsalOnATerminal()
      : master_(sys::check(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), "openpt")) {
    std::array<char, 64> name{};
    ::unlockpt(master_.get());
    ::ptsname_r(master_.get(), name.data(), name.size());
    slave_ = sys::open(name.data(), O_RDWR | O_NOCTTY);
  }

  void start_on_terminal(const std::vector<std::string>& options, const std::string& script) {
    const UniqueFd err = sys::open(file("error"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    start(options, script, slave_.get(), slave_.get(), err.get());
  }

  UniqueFd master_;
  UniqueFd slave_;
};

TEST_F(RehearsalOnATerminal, CommandHasATerminalAndTheLogHasNot) {
  start_on_terminal({}, "tty; read x; echo got $x; exit 6");
  EXPECT_THAT(read_until(master_.get(), "/dev/console"), Not(HasSubstr("terminate started")));
  sys::write_all(master_.get(), "typed\r");
  EXPECT_THAT(read_until(master_.get(), "got typed"), Not(HasSubstr("(ended)")));
  EXPECT_EQ(wait(), 6);
  EXPECT_THAT(error(), HasSubstr("terminate started"));
}

/// A shell that waits for a line has its terminal raw.
TEST_F(RehearsalOnATerminal, IsAsItWasAfterABreakpointThatNobodyLeaves) {
  start_on_terminal({"--break", "before:start", "--break-timeout", "2"},
                    "stty -a; echo the command is here");
  const auto text = read_until(master_.get(), "the command is here");
  EXPECT_THAT(text, HasSubstr(" icanon "));
  EXPECT_THAT(text, HasSubstr(" echo "));
  EXPECT_EQ(wait(), 0);
}

TEST_F(RehearsalOnATerminal, CommandHasNoneWhenThatIsAsked) {
  start_on_terminal({"-T"}, "test -t 0 || echo none");
  EXPECT_THAT(read_until(master_.get(), "none"), Not(HasSubstr("(ended)")));
  EXPECT_EQ(wait(), 0);
}

TEST_F(RehearsalOnATerminal, ControlCIsTheCommands) {
  start_on_terminal({}, "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.05; done");
  read_until(master_.get(), "ready");
  sys::write_all(master_.get(), "\x03");
  EXPECT_EQ(wait(), 3);
}

TEST_F(RehearsalOnATerminal, EscapeEndsAnInitThatDoesNotEnd) {
  start_on_terminal({"--init", "exec"}, "trap '' TERM INT; echo ready; while :; do sleep 1; done");
  read_until(master_.get(), "ready");
  sys::write_all(master_.get(), "\x1d\x1d\x1d");
  EXPECT_EQ(wait(), 128 + SIGKILL);
  EXPECT_THAT(error(), AllOf(HasSubstr("Ctrl-] three times within a second ends the rehearsal"),
                             HasSubstr("the rehearsal is ended by Ctrl-]")));
}

TEST_F(RehearsalStdio, SignalEndsTheCommandInGoodOrder) {
  for (const char* init : {"supervise", "exec"}) {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
      const Pipe out;
      const UniqueFd err = sys::open(file("error"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      const UniqueFd in = sys::open("/dev/null", O_RDONLY);
      start({"--init", init, "--grace", for_ever},
            "trap 'sleep 0.3; echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done",
            in.get(), out.write.get(), err.get());
      read_until(out.read.get(), "ready");
      ::kill(pid_, signal);
      EXPECT_THAT(read_until(out.read.get(), "bye"), HasSubstr("bye")) << init;
      EXPECT_EQ(wait(), 128 + signal) << init << error();
    }
  }
}

TEST_F(RehearsalStdio, SignalIsHeardWithoutALogToo) {
  const Pipe out;
  const UniqueFd err = sys::open(file("error"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const UniqueFd in = sys::open("/dev/null", O_RDONLY);
  start({"--log-level", "error", "--grace", for_ever}, "echo ready; while :; do sleep 0.05; done",
        in.get(), out.write.get(), err.get());
  read_until(out.read.get(), "ready");
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(wait(), 128 + SIGTERM);
  EXPECT_EQ(error(), "dboot-inject: asking the rehearsal to end; once more ends it at once\n");
}

TEST_F(RehearsalStdio, SecondSignalEndsItAtOnce) {
  const Pipe out;
  Pipe err;
  const UniqueFd in = sys::open("/dev/null", O_RDONLY);
  start({"--grace", for_ever}, "trap 'echo asked' TERM; echo ready; while :; do sleep 0.05; done",
        in.get(), out.write.get(), err.write.get());
  err.write.reset();
  read_until(out.read.get(), "ready");
  ::kill(pid_, SIGTERM);
  read_until(err.read.get(), "once more ends it at once");
  ::kill(pid_, SIGINT);
  EXPECT_EQ(wait(), 128 + SIGTERM);
}

TEST_F(RehearsalStdio, EndsWhenNobodyReadsItsOutput) {
  Pipe out;
  const UniqueFd err = sys::open(file("error"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const UniqueFd in = sys::open("/dev/null", O_RDONLY);
  start({}, "while :; do echo more; done", in.get(), out.write.get(), err.get());
  out.write.reset();
  read_until(out.read.get(), "more");
  out.read.reset();
  EXPECT_EQ(wait(), 128 + SIGPIPE);
}

/// Looks for it again and again; the timeout of the test ends that.
void wait_until_nobody_executes(const std::string& word) {
  const auto executes = [&](pid_t pid) {
    return sys::read_file_or_empty("/proc/" + std::to_string(pid) + "/cmdline").find(word) !=
           std::string::npos;
  };
  for (bool any = true; any; ::poll(nullptr, 0, 5)) {
    const auto pids = list_processes();
    any = std::any_of(pids.begin(), pids.end(), executes);
  }
}

TEST_F(RehearsalStdio, EndsWithWhoRehearsesHoweverThatEnds) {
  const std::string word = std::to_string(::getpid()) + "77777";
  for (const std::vector<std::string>& options : {std::vector<std::string>{},
                                                  {"--init", "exec"},
                                                  {"--init", "exec", "--user", "1234:5678"}}) {
    for (const int signal : {SIGKILL, SIGQUIT}) {
      const Pipe out;
      const UniqueFd err = sys::open(file("error"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      const UniqueFd in = sys::open("/dev/null", O_RDONLY);
      start(options, "echo ready; exec sleep " + word, in.get(), out.write.get(), err.get());
      read_until(out.read.get(), "ready");
      ::kill(pid_, signal);
      EXPECT_EQ(wait(), 128 + signal);
      wait_until_nobody_executes(word);
    }
  }
}

TEST_F(RehearsalStdio, SignalAtTheVeryBeginningIsHeard) {
  for (int i = 0; i < 20; ++i) {
    const Pipe out;
    Pipe err;
    const UniqueFd in = sys::open("/dev/null", O_RDONLY);
    start({"--grace", for_ever}, "while :; do sleep 0.05; done", in.get(), out.write.get(),
          err.write.get());
    err.write.reset();
    read_until(err.read.get(), i % 2 == 0 ? "rehearsing" : "wake started");
    ::kill(pid_, SIGTERM);
    EXPECT_EQ(wait(), 128 + SIGTERM);
  }
}

TEST_F(RehearsalStdio, OutputThatCannotBeWrittenIsAFailure) {
  const UniqueFd in = sys::open("/dev/null", O_RDONLY);
  for (const auto& [path, flags] : {std::pair{"/dev/full", O_WRONLY}, {"/dev/null", O_RDONLY}}) {
    const UniqueFd out = sys::open(path, flags);
    const UniqueFd err = sys::open(file("error"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    start({}, "echo lost", in.get(), out.get(), err.get());
    EXPECT_EQ(wait(), 125);
    EXPECT_THAT(error(), HasSubstr("error: write what the rehearsal has put out: "));
  }
}

TEST_F(RehearsalStdio, IgnoredSignalsStayIgnored) {
  const Pipe out;
  Pipe typed;
  const UniqueFd err = sys::open(file("error"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const auto before = ::signal(SIGHUP, SIG_IGN);
  start({}, "echo ready; read x; exit 5", typed.read.get(), out.write.get(), err.get());
  ::signal(SIGHUP, before);
  read_until(out.read.get(), "ready");
  ::kill(pid_, SIGHUP);
  sys::write_all(typed.write.get(), "go on\n");
  EXPECT_EQ(wait(), 5);
}

TEST_F(RehearsalOnATerminal, SizeIsTheCommandsUntilTheWindowChanges) {
  const winsize at_first{25, 81, 0, 0};
  ::ioctl(master_.get(), TIOCSWINSZ, &at_first);
  start_on_terminal({},
                    "stty size; stty rows 10 cols 33; echo set; read x; stty size; "
                    "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done");
  EXPECT_THAT(read_until(master_.get(), "set"), HasSubstr("25 81"));
  sys::write_all(master_.get(), "\r");
  EXPECT_THAT(read_until(master_.get(), "ready"), HasSubstr("10 33"));
  // As a terminal does for its foreground: this process's pseudo terminal has none.
  const winsize later{26, 82, 0, 0};
  ::ioctl(master_.get(), TIOCSWINSZ, &later);
  ::kill(pid_, SIGWINCH);
  EXPECT_THAT(read_until(master_.get(), "26 82"), Not(HasSubstr("(ended)")));
  EXPECT_EQ(wait(), 0);
}

TEST_F(RehearsalStdio, OutputThatIsNotReadDoesNotHoldUpTheEnd) {
  const Pipe out;
  Pipe err;
  const UniqueFd in = sys::open("/dev/null", O_RDONLY);
  start({"--init", "exec", "--grace", for_ever}, "trap exit TERM; echo ready; yes & wait", in.get(),
        out.write.get(), err.write.get());
  err.write.reset();
  read_until(out.read.get(), "ready");
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(wait(), 128 + SIGTERM);
}

TEST_F(RehearsalStdio, OutputThatIsNotReadHoldsNoSignalUp) {
  const Pipe out;
  Pipe err;
  const UniqueFd in = sys::open("/dev/null", O_RDONLY);
  start({"--init", "exec", "--grace", for_ever}, "trap '' TERM; while :; do echo more; done",
        in.get(), out.write.get(), err.write.get());
  err.write.reset();
  read_until(err.read.get(), "hand-over starting");
  ::kill(pid_, SIGTERM);
  read_until(err.read.get(), "once more ends it at once");
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(wait(), 128 + SIGTERM);
}

}  // namespace
}  // namespace dboot::testing
