#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <fcntl.h>
#include <linux/sched.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <string>

#include "payload/children/blocking.hpp"
#include "payload/children/program.hpp"
#include "payload/console/prompt.hpp"
#include "payload/console/terminal_log.hpp"
#include "payload/context.hpp"
#include "payload/processes/process_scan.hpp"
#include "payload/processes/terminator.hpp"
#include "payload/run_phase.hpp"
#include "shared/log/record.hpp"
#include "shared/log/sinks.hpp"
#include "shared/proc/fields.hpp"
#include "shared/proc/namespace.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"

/// Parts of the payload, used as a custom payload would use them.
namespace dboot {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  std::string text() {
    in.reset();
    std::string text;
    std::array<char, 4096> bytes;
    for (ssize_t count = 0; (count = ::read(out.get(), bytes.data(), bytes.size())) > 0;)
      text.append(bytes.data(), static_cast<std::size_t>(count));
    return text;
  }
  UniqueFd out;
  UniqueFd in;
};

/// What `body` answers as the PID 1 of namespaces of its own, which it may empty.
std::string as_pid_1(const std::function<std::string()>& body) {
  Pipe answer;
  clone_args arguments{};
  arguments.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET;
  arguments.exit_signal = SIGCHLD;
  const auto pid =
      static_cast<pid_t>(sys::check(::syscall(SYS_clone3, &arguments, sizeof arguments), "clone3"));
  if (pid == 0) {
    std::string text = "not in a namespace of its own";
    try {
      sys::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make private");
      sys::check(::mount("proc", "/proc", "proc", 0, nullptr), "mount /proc");
      if (::getpid() == 1 && !in_initial_namespace("pid")) text = body();
    } catch (const std::exception& error) {
      text = error.what();
    }
    sys::write_all(answer.in.get(), text);
    ::_exit(0);
  }
  const auto text = answer.text();
  ::waitpid(pid, nullptr, 0);
  return text;
}

std::vector<UniqueFd> null_and(const UniqueFd& output) {
  std::vector<UniqueFd> stdio;
  stdio.push_back(sys::open("/dev/null", O_RDWR));
  for (int number = 1; number <= 2; ++number)
    stdio.emplace_back(sys::check(::fcntl(output.get(), F_DUPFD_CLOEXEC, 3), "duplicate"));
  return stdio;
}

pid_t start_sleeping(const char* name) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl("/bin/sleep", name, "1000", nullptr);
    ::_exit(127);
  }
  return pid;
}

/// Its argv[0], which tells one sleep from another.
std::string name_of(pid_t pid) {
  const auto arguments = sys::read_file_or_empty("/proc/" + std::to_string(pid) + "/cmdline");
  return arguments.substr(0, arguments.find('\0'));
}

Task<> end_all_with_a_companion(boost::asio::io_context& loop, std::string& living) {
  Log log;
  Children children(loop.get_executor(), log);
  Terminator terminator(log, children, loop.get_executor());
  Pipe ready;
  // Its daemon, as a session of an ssh server that runs tmux, is nobody's child by the time.
  Program companion{"/bin/bash",
                    {"bash", "-c",
                     "(setsid bash -c 'exec -a daemon sleep 1000' &)\n"
                     "until grep -qs '^daemon' /proc/*/cmdline; do :; done\n"
                     "echo ready; exec sleep 1000"},
                    {"PATH=/usr/bin:/bin"}};
  companion.kind = Children::Kind::companion;
  auto starting = start_program(children, std::move(companion), null_and(ready.in), {});
  const pid_t pid_of_companion = co_await std::move(starting);
  char byte = 0;
  ready.in.reset();
  while (byte != '\n') sys::check(::read(ready.out.get(), &byte, 1), "read");
  start_sleeping("old");
  co_await terminator.end_all(5s);
  for (const pid_t pid : list_processes()) {
    if (pid != 1) living += (pid == pid_of_companion ? "companion" : name_of(pid)) + ' ';
  }
  loop.stop();
}

TEST(Companion, OutlivesTheOldSystemWithAllItsDescendants) {
  const auto living = as_pid_1([] {
    std::string names;
    boost::asio::io_context loop(1);
    boost::asio::co_spawn(loop, end_all_with_a_companion(loop, names), boost::asio::detached);
    loop.run();
    return names;
  });
  EXPECT_THAT(living, HasSubstr("companion "));
  EXPECT_THAT(living, HasSubstr("daemon "));
  EXPECT_THAT(living, Not(HasSubstr("old ")));
}

Task<> find_storage_daemons(Children& children, Log& log, std::vector<pid_t> candidates,
                            std::size_t& found) {
  auto looking = process_scan::read_details(log, children, std::move(candidates));
  const auto details = co_await std::move(looking);
  found = details.storage_daemons.size();
}

TEST(StorageDaemons, AreToldHoweverLongItTakesToLookAtAll) {
  boost::asio::io_context loop(1);
  Log log;
  Children children(loop.get_executor(), log);
  Pipe lines;
  log.add_sink(log::sinks::descriptor(lines.in.get()));
  const pid_t daemon = start_sleeping("@daemon");
  while (name_of(daemon) != "@daemon") ::sched_yield();
  // Seconds of work, for some thousand processes on a slow machine.
  constexpr std::size_t many = 500'000;
  std::vector<pid_t> candidates(many, ::getpid());
  candidates.push_back(daemon);
  std::size_t found = 0;
  boost::asio::co_spawn(loop, find_storage_daemons(children, log, std::move(candidates), found),
                        [&](const std::exception_ptr&) { loop.stop(); });
  loop.run();
  ::kill(daemon, SIGKILL);
  EXPECT_EQ(found, 1U);
  EXPECT_EQ(lines.text(), "");
}

Task<> run_blocking(Children& children, blocking::Work work, blocking::Outcome& outcome) {
  auto running = blocking::run(children, "work", 500ms, std::move(work));
  outcome = co_await std::move(running);
}

/// What the work has come to, and the log.
std::pair<blocking::Outcome, std::string> outcome_of(blocking::Work work) {
  boost::asio::io_context loop(1);
  Log log;
  Pipe lines;
  log.add_sink(log::sinks::descriptor(lines.in.get()));
  Children children(loop.get_executor(), log);
  blocking::Outcome outcome;
  boost::asio::co_spawn(loop, run_blocking(children, std::move(work), outcome),
                        [&](const std::exception_ptr&) { loop.stop(); });
  loop.run();
  return {std::move(outcome), lines.text()};
}

TEST(Blocking, WorkThatHangsIsNamedOnceAndGivenUp) {
  const auto [outcome, log] = outcome_of([](const blocking::Report&) { ::pause(); });
  EXPECT_EQ(outcome.end, blocking::Outcome::End::late);
  EXPECT_THAT(log, testing::MatchesRegex("[^\n]* info wake still waiting what=work for=50.0ms "
                                         "pid=[0-9]+ state=S wchan=[^\n]*\n"));
}

TEST(Blocking, WorkWritesIntoTheLogMeanwhile) {
  const auto [outcome, log] = outcome_of([](const blocking::Report& report) {
    report.write("one,\x02n\n");
    report.call("mount", "/a \x02\n", ENOENT);
    report.write("two");
    throw std::runtime_error("\x02 is no line\n");
  });
  EXPECT_EQ(outcome.text, "one,\x02n\ntwo");
  EXPECT_EQ(outcome.error, "\x02 is no line\n");
  EXPECT_THAT(log, testing::EndsWith("debug wake call name=mount about=\"/a \\x02\\n\" "
                                     "result=\"No such file or directory\"\n"));
}

TEST(Blocking, ReportsTextOfAnyLength) {
  const std::string text(100'000, 'x');
  const auto [outcome, log] = outcome_of([&](const blocking::Report& report) {
    report.write(text);
    throw std::runtime_error(text);
  });
  EXPECT_EQ(outcome.text, text);
  EXPECT_EQ(outcome.error, text);
}

Task<> succeed() {
  co_return;
}

Task<> fail() {
  throw std::runtime_error("no such luck");
  co_return;
}

TEST(RunPhase, LogsItsBeginItsEndAndItsFailureWithTheTimeItTook) {
  boost::asio::io_context loop(1);
  Context context(loop.get_executor(), Inheritance());
  Pipe lines;
  context.log.add_sink(log::sinks::descriptor(lines.in.get()));
  std::string failure;
  boost::asio::co_spawn(loop, run_phase(context, "one", succeed()), boost::asio::detached);
  boost::asio::co_spawn(loop, run_phase(context, "two", fail()),
                        [&](const std::exception_ptr& error) {
                          try {
                            std::rethrow_exception(error);
                          } catch (const std::exception& reason) {
                            failure = reason.what();
                          }
                          loop.stop();
                        });
  loop.run();
  EXPECT_EQ(failure, "no such luck");
  EXPECT_THAT(lines.text(), testing::MatchesRegex("[^\n]* info one started line=1\n"
                                                  "[^\n]* info one finished duration=[0-9.]+ms\n"
                                                  "[^\n]* info two started line=3\n"
                                                  "[^\n]* error two failed reason=\"no such luck\" "
                                                  "duration=[0-9.]+ms\n"));
}

Task<> throw_a_number() {
  throw 42;
  co_return;
}

TEST(RunPhase, MakesAReasonOfWhateverIsThrown) {
  boost::asio::io_context loop(1);
  Context context(loop.get_executor(), Inheritance());
  std::string text;
  context.log.add_sink(log::sinks::memory(text));
  bool has_reason = false;
  boost::asio::co_spawn(loop, run_phase(context, "one", throw_a_number()),
                        [&](const std::exception_ptr& error) {
                          try {
                            std::rethrow_exception(error);
                          } catch (const std::exception&) {
                            has_reason = true;
                          }
                          loop.stop();
                        });
  loop.run();
  EXPECT_TRUE(has_reason);
  EXPECT_THAT(text, HasSubstr("error one failed reason=\"what was thrown is no std::exception\""));
}

struct Terminal {
  Terminal() : master(sys::check(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), "openpt")) {
    std::array<char, 64> text{};
    if (::unlockpt(master.get()) != 0 || ::ptsname_r(master.get(), text.data(), text.size()) != 0)
      sys::fail(errno, {"open a pty"});
    name = text.data();
    ::fcntl(master.get(), F_SETFL, O_NONBLOCK);
  }
  bool has_shown(const std::string& text) {
    std::array<char, 4096> bytes;
    for (ssize_t count = 0; (count = ::read(master.get(), bytes.data(), bytes.size())) > 0;)
      shown.append(bytes.data(), static_cast<std::size_t>(count));
    return shown.find(text) != std::string::npos;
  }
  bool is_edited_by_line() const {
    termios settings{};
    ::tcgetattr(master.get(), &settings);
    return (settings.c_lflag & ICANON) != 0;
  }
  UniqueFd master;
  std::string name;
  std::string shown;
};

/// Runs the loop until then; the time limit is the test's.
void run_until(boost::asio::io_context& loop, const std::function<bool()>& then) {
  while (!then()) loop.run_one_for(10ms);
}

class PromptTest : public testing::Test {
 protected:
  Prompt::Open open_next() {
    return [this]() -> Task<UniqueFd> {
      const std::size_t number = std::min(opened_++, terminals_.size() - 1);
      co_return sys::open(terminals_[number].name, O_RDWR | O_NOCTTY);
    };
  }

  boost::asio::io_context loop_{1};
  Log log_;
  Children children_{loop_.get_executor(), log_};
  Condition changed_{loop_.get_executor()};
  std::array<Terminal, 2> terminals_;
  std::size_t opened_ = 0;
};

TEST_F(PromptTest, IsAnsweredWithOneKeyAndLeavesTheTerminalAsItWas) {
  auto& terminal = terminals_[0];
  const Prompt prompt(children_, loop_.get_executor(), open_next(), changed_, "Well? ");
  run_until(loop_, [&] { return terminal.has_shown("Well? "); });
  EXPECT_EQ(prompt.key(), std::nullopt);
  sys::write_all(terminal.master.get(), "y");
  run_until(loop_, [&] { return prompt.key().has_value(); });
  EXPECT_EQ(prompt.key(), 'y');
  EXPECT_TRUE(terminal.is_edited_by_line());
  EXPECT_FALSE(terminal.has_shown("y"));
}

TEST_F(PromptTest, IsAskedAgainWhenItsTerminalHasHungUp) {
  const Prompt prompt(children_, loop_.get_executor(), open_next(), changed_, "Well? ");
  run_until(loop_, [&] { return terminals_[0].has_shown("Well? "); });
  terminals_[0].master.reset();
  run_until(loop_, [&] { return terminals_[1].has_shown("Well? "); });
  sys::write_all(terminals_[1].master.get(), "k");
  run_until(loop_, [&] { return prompt.key().has_value(); });
  EXPECT_EQ(prompt.key(), 'k');
  EXPECT_FALSE(prompt.is_lost());
}

TEST_F(PromptTest, IsLostWithATerminalThatAlwaysHangsUpAtOnce) {
  terminals_[0].master.reset();
  const UniqueFd hung_up = sys::open(terminals_[1].name, O_RDWR | O_NOCTTY);
  terminals_[1].master.reset();
  const auto open = [&]() -> Task<UniqueFd> {
    ++opened_;
    co_return UniqueFd(::fcntl(hung_up.get(), F_DUPFD_CLOEXEC, 3));
  };
  const Prompt prompt(children_, loop_.get_executor(), open, changed_, "Well? ");
  run_until(loop_, [&] { return prompt.is_lost(); });
  EXPECT_EQ(opened_, 10U);
}

TEST_F(PromptTest, WritesToATerminalThatTakesNothingWithoutStoppingTheLoop) {
  auto& terminal = terminals_[0];
  const UniqueFd slave = sys::open(terminal.name, O_RDWR | O_NOCTTY);
  ::tcflow(slave.get(), TCOOFF);
  bool ran = false;
  {
    const Prompt prompt(children_, loop_.get_executor(), open_next(), changed_,
                        std::string(100'000, '?'));
    run_until(loop_, [&] { return opened_ == 1; });
    boost::asio::post(loop_, [&] { ran = true; });
    run_until(loop_, [&] { return ran; });
  }
  EXPECT_TRUE(ran);
}

class TerminalLogTest : public testing::Test {
 protected:
  TerminalLogTest() {
    log_.set_level(Log::Level::debug);
    show();
  }

  void run(Task<> task) {
    bool done = false;
    boost::asio::co_spawn(loop_, std::move(task), [&](const std::exception_ptr& error) {
      EXPECT_FALSE(error);
      done = true;
    });
    run_until(loop_, [&] { return done; });
  }
  void show() { run(shown_.start()); }
  void stop() { run(shown_.stop(Writer::TimePoint::clock::now() + 1s)); }
  void kill_what_shows_it() {
    for (const pid_t pid : list_processes()) {
      const auto status = read_process_status(pid);
      if (status && status->parent == ::getpid()) ::kill(pid, SIGKILL);
    }
    run_until(loop_, [&] { return !shown_.is_running(); });
  }

  /// The end of a session hangs its terminal up on everybody.
  void hang_up() {
    const pid_t leader = ::fork();
    if (leader == 0) {
      ::setsid();
      const int fd = ::open(terminal_.name.c_str(), O_RDWR | O_NOCTTY);
      ::_exit(::ioctl(fd, TIOCSCTTY, 0) == 0 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(leader, &status, 0), leader);
    ASSERT_EQ(status, 0);
  }

  boost::asio::io_context loop_{1};
  Log log_;
  Children children_{loop_.get_executor(), log_};
  Terminal terminal_;
  DeviceNodes devices_;
  TerminalLog shown_{log_,
                     children_,
                     devices_,
                     loop_.get_executor(),
                     terminal_.name.substr(std::string_view("/dev/").size()),
                     Log::Level::debug,
                     "[0.000001] info wake earlier\n"};
};

TEST_F(TerminalLogTest, ShowsEveryLineBeforeItStops) {
  log_.debug("a detail");
  log_.info("a line");
  stop();
  EXPECT_TRUE(terminal_.has_shown("info wake a line\r"));
  EXPECT_THAT(terminal_.shown, HasSubstr("debug wake a detail\r"));
  EXPECT_FALSE(shown_.is_running());
}

TEST_F(TerminalLogTest, ShowsADetailWhenTheLoopComesToIt) {
  log_.debug("a detail");
  run_until(loop_, [&] { return terminal_.has_shown("a detail\r"); });
  stop();
}

TEST_F(TerminalLogTest, OpensATerminalAgainThatHasHungUp) {
  log_.info("before");
  run(shown_.settle(Writer::TimePoint::clock::now() + 10s));
  hang_up();
  log_.info("after");
  stop();
  EXPECT_TRUE(terminal_.has_shown("info wake after\r"));
  EXPECT_THAT(terminal_.shown, HasSubstr("before\r"));
}

TEST_F(TerminalLogTest, IsNotHeldUpByATerminalThatTakesNothing) {
  const UniqueFd slave = sys::open(terminal_.name, O_RDWR | O_NOCTTY);
  ::tcflow(slave.get(), TCOOFF);
  constexpr int many = 10'000;
  for (int number = 0; number < many; ++number) log_.info("a line");
  stop();
  EXPECT_FALSE(shown_.is_running());
}

/// As the old system may do it.
TEST_F(TerminalLogTest, GoesOnWhereItWasAfterItsProcessWasKilled) {
  log_.info("before");
  run(shown_.settle(Writer::TimePoint::clock::now() + 10s));
  kill_what_shows_it();
  log_.info("meanwhile");
  show();
  log_.info("after");
  stop();
  EXPECT_TRUE(terminal_.has_shown("after\r"));
  std::vector<std::string> messages;
  for (const auto line : lines_of(terminal_.shown))
    messages.push_back(log::parse(line.substr(0, line.find('\r'))).value().message);
  EXPECT_THAT(messages, ElementsAre("earlier", "before", "meanwhile", "after"));
}

TEST_F(TerminalLogTest, ShowsWhatItsKilledProcessHadNotDrawn) {
  const UniqueFd slave = sys::open(terminal_.name, O_RDWR | O_NOCTTY);
  ::tcflow(slave.get(), TCOOFF);
  constexpr int many = 200;
  for (int number = 0; number < many; ++number) log_.info("line", {{"number", number}});
  kill_what_shows_it();
  ::tcflow(slave.get(), TCOON);
  show();
  stop();
  for (int number = 0; number < many; ++number)
    EXPECT_TRUE(terminal_.has_shown("line number=" + std::to_string(number) + "\r"));
}

/// The new system had the terminal.
TEST_F(TerminalLogTest, ShowsAtItsNextStartWhatCameWhileItWasStopped) {
  stop();
  log_.info("meanwhile");
  EXPECT_FALSE(terminal_.has_shown("meanwhile"));
  show();
  stop();
  EXPECT_TRUE(terminal_.has_shown("meanwhile\r"));
}

TEST_F(TerminalLogTest, LeavesTheOpenTerminalOfOthersAsItIs) {
  const UniqueFd others = sys::open(terminal_.name, O_RDWR | O_NOCTTY | O_NONBLOCK);
  log_.info("a line");
  stop();
  EXPECT_NE(::fcntl(others.get(), F_GETFL) & O_NONBLOCK, 0);
}

std::string said_of_disk_log(int status, std::size_t lines_missing) {
  std::string text;
  Log log;
  log.add_sink(log::sinks::memory(text));
  note_end_of_disk_log(log, status, lines_missing);
  return text;
}

TEST(DiskLog, SaysWhatHasBecomeOfTheCopy) {
  const auto exit = [](int status) { return W_EXITCODE(status, 0); };
  EXPECT_THAT(said_of_disk_log(exit(0), 0), HasSubstr("the log is on the disk"));
  EXPECT_THAT(said_of_disk_log(exit(0), 3), HasSubstr("not complete"));
  EXPECT_THAT(said_of_disk_log(exit(0), 3), HasSubstr("lines_missing=3"));
  EXPECT_THAT(said_of_disk_log(SIGKILL, 0), HasSubstr("not complete"));
  EXPECT_THAT(said_of_disk_log(exit(1), 0), HasSubstr("it cannot be written"));
  EXPECT_THAT(said_of_disk_log(exit(2), 0), HasSubstr("/var/log is in memory"));
}

}  // namespace
}  // namespace dboot
