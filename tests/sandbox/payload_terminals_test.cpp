#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <fcntl.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <string>

#include "payload/console/prompt.hpp"
#include "payload/console/terminal_log.hpp"
#include "payload/context.hpp"
#include "shared/log/record.hpp"
#include "shared/log/sinks.hpp"
#include "shared/proc/fields.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"

/// What is shown and asked on terminals, and the log on a disk.
namespace dboot {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

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
