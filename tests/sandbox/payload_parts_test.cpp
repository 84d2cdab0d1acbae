#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "payload/children/blocking.hpp"
#include "payload/children/patience.hpp"
#include "payload/context.hpp"
#include "payload/processes/process_scan.hpp"
#include "payload/run_phase.hpp"
#include "shared/log/sinks.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/sandbox/payload_parts.hpp"

/// Parts of the payload, used as a custom payload would use them.
namespace dboot {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

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

/// Each of two is ready, and whichever is first closes the other and waits for a third that takes
/// its place.
TEST(Patience, IsNotEndedByWhatAnotherDescriptorHad) {
  using Descriptor = boost::asio::posix::stream_descriptor;
  boost::asio::io_context loop(1);
  std::array<Pipe, 2> ready;
  Pipe third;
  std::array<std::unique_ptr<Descriptor>, 2> descriptors;
  std::optional<Patience> patience;
  std::optional<bool> answer;
  for (std::size_t number = 0; number < ready.size(); ++number) {
    sys::write_all(ready.at(number).in.get(), "x");
    descriptors.at(number) = std::make_unique<Descriptor>(loop, ready.at(number).out.release());
    descriptors.at(number)->async_wait(Descriptor::wait_read, [&, number](const auto& error) {
      if (error || patience) return;
      descriptors.at(1 - number).reset();
      patience.emplace(loop.get_executor(), std::move(third.out));
      boost::asio::co_spawn(loop, patience->wait(std::chrono::hours(1)),
                            [&](const std::exception_ptr&, bool readable) { answer = readable; });
    });
  }
  loop.run_for(10ms);
  ASSERT_TRUE(patience);
  EXPECT_EQ(answer, std::nullopt);
  sys::write_all(third.in.get(), "x");
  while (!answer) loop.run_one_for(10ms);
  EXPECT_EQ(answer, true);
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

}  // namespace
}  // namespace dboot
