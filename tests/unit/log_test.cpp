#include "shared/log/log.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "shared/log/backlog.hpp"
#include "shared/log/sinks.hpp"
#include "shared/log/stream.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::log {
namespace {

using std::chrono::microseconds;

Record record(std::string message, std::initializer_list<Fact> facts = {}) {
  return {microseconds(1'000'042), Level::info, "release", std::move(message), facts};
}

TEST(LogRecord, HasTimeLevelPhaseMessageAndFacts) {
  EXPECT_EQ(
      format(record("unmounted", {{"path", "/mnt"}, {"count", 3}, {"took", microseconds(1500)}})),
      "[1.000042] info release unmounted path=/mnt count=3 took=1.5ms");
}

TEST(LogRecord, ValueThatIsNotAPlainWordIsAString) {
  EXPECT_EQ(format(record("m", {{"a", ""}, {"b", "two words"}, {"c", "q\"\\\n\x01"}})),
            R"([1.000042] info release m a="" b="two words" c="q\"\\\n\x01")");
}

TEST(LogRecord, MessageStaysOneLineAndIsNoFact) {
  EXPECT_EQ(format(record("a\nb\x1b[2J c=d \\")),
            R"([1.000042] info release a\nb\x1b[2J c\x3dd \\)");
}

TEST(LogRecord, HasWhatIsUtf8AsItIsAndTheRestEscaped) {
  const std::string text = "\u00e9\u20ac\U0001f600";
  EXPECT_EQ(format(record(text, {{"a", text}})), "[1.000042] info release " + text + " a=" + text);
  // CSI in its two forms, a letter cut off, a surrogate, a longer form, beyond the last character.
  EXPECT_EQ(format(record("\x9b \u009b \xc3 \xed\xa0\x80 \xc0\xaf \xf4\x90\x80\x80")),
            R"([1.000042] info release \x9b \xc2\x9b \xc3 \xed\xa0\x80 \xc0\xaf \xf4\x90\x80\x80)");
}

TEST(LogRecord, HasNoCharacterThatTurnsTheLineRound) {
  EXPECT_EQ(format(record("\u202e \u2066 \u2028 \u2010")),
            "[1.000042] info release \\xe2\\x80\\xae \\xe2\\x81\\xa6 \\xe2\\x80\\xa8 \u2010");
}

TEST(LogRecord, ParsesBackToWhatItWasMadeOf) {
  const std::string all_bytes = [] {
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
    return bytes;
  }();
  for (const auto& original :
       {record("started"), record("two words", {{"key_1", ""}, {"b", "x=y"}, {"b", "again"}}),
        record("quotes \"q\" =", {{"path", "/mnt/a b"}, {"end", "\\"}}),
        record(all_bytes, {{"value", all_bytes}}), record(""), record("", {{"key", "value"}})}) {
    const auto line = format(original);
    const auto parsed = parse(line);
    ASSERT_TRUE(parsed) << line;
    EXPECT_EQ(*parsed, original) << line;
  }
}

TEST(LogRecord, OtherLinesAreNone) {
  for (const std::string line :
       {"", "[", "text", "[1.5] info wake x", "[1.000000] info wake", "[1.000000] loud wake x",
        "[-1.000000] info wake x", "[1.-00000] info wake x", "[1.000000]info wake x",
        "[1.000000] info wake k=v", "[1.000000] info wake x k=", "[1.000000] info wake x k=\"",
        "[1.000000] info wake x k=\"\\\"", "[1.000000] info wake x k=v=\"",
        "[1.000000] info wake x k=v rest", "[1.000000] info wake x K=v",
        "[1.000000] info wake x\\x3", "[1.000000] info wake x\\q",
        "[99999999999999999999.000000] info wake x"})
    EXPECT_FALSE(parse(line)) << line;
}

TEST(LogReport, IsForAPerson) {
  EXPECT_EQ(format_report(record("copied", {{"size", 5}})), "dboot-inject: copied size=5");
  Record error = record("no \"x\": it's gone", {{"mend", "try again"}});
  error.level = Level::error;
  EXPECT_EQ(format_report(error),
            "dboot-inject: error: no \"x\": it's gone\ndboot-inject: to mend it: try again");
  EXPECT_EQ(format_report(error, Colours::yes),
            "dboot-inject: \033[1;31merror:\033[m no \"x\": it's gone\n"
            "dboot-inject: \033[1mto mend it:\033[m try again");
}

TEST(LogLevel, IsFoundByItsName) {
  EXPECT_EQ(level_from("warning"), Level::warning);
  EXPECT_EQ(level_from("loud"), std::nullopt);
}

/// Lines of a log, as its sinks have got them.
class LogTest : public testing::Test {
 protected:
  LogTest() {
    EXPECT_EQ(::pipe(ends_.data()), 0);
    sink_ = sinks::file(UniqueFd(ends_[1]));
  }
  ~LogTest() override { ::close(ends_[0]); }

  /// What has come since the last call; a pipe holds all of it.
  std::vector<Record> lines() {
    std::array<char, 4096> text{};
    const auto size = ::read(ends_[0], text.data(), text.size());
    std::vector<Record> records;
    const std::string read(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    for (const auto line : lines_of(read)) records.push_back(parse(line).value());
    return records;
  }

  std::array<int, 2> ends_{};
  sinks::Sink sink_;
  Log log_;
};

TEST_F(LogTest, GivesASinkLinesFromItsLevelOn) {
  Log to_nobody;
  to_nobody.error("to nobody");
  log_.set_phase("release");
  log_.add_sink(sink_, Level::warning);
  log_.info("too low");
  log_.error("still busy", {{"device", "vda"}});
  const auto got = lines();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].message, "still busy");
  EXPECT_EQ(got[0].phase, "release");
  EXPECT_EQ(got[0].fact("device"), "vda");
}

TEST_F(LogTest, BeginsOnceWithTheTimeOfTheDay) {
  log_.add_sink(sink_);
  log_.begin("dboot-init");
  log_.begin("dboot-init");
  const auto got = lines();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].fact("format"), "1");
  EXPECT_EQ(got[0].fact("program"), "dboot-init");
  EXPECT_THAT(std::string(got[0].fact("time").value_or("")),
              testing::MatchesRegex("20[0-9-]+T[0-9:]+Z"));
}

TEST_F(LogTest, PhaseBeginsWithTheNumberOfItsLine) {
  log_.set_level(Level::debug);
  log_.set_lines(40);
  log_.add_sink(sink_, Level::info);
  log_.begin("dboot-init");
  log_.trace("does not count");
  log_.debug("counts, whoever sees it");
  log_.begin_phase("wake");
  const auto got = lines();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].message, "started");
  EXPECT_EQ(got[0].fact("line"), "42");
}

std::string line_of(int number) {
  Record line = record("line", {{"number", number}});
  line.level = Level::debug;
  return format(line);
}

TEST(Backlog, SaysInItsPlaceHowManyLinesAreLeftOut) {
  Backlog backlog(10'000, "\n");
  backlog.add(line_of(1));
  backlog.leave_out(line_of(2));
  backlog.leave_out(line_of(3));
  backlog.add(line_of(4));
  backlog.leave_out(line_of(5));
  EXPECT_EQ(backlog.lines_missing(), 5U);
  EXPECT_EQ(backlog.front(), line_of(1) + "\n[1.000042] info release lines left out count=2\n" +
                                 line_of(4) + "\n[1.000042] info release lines left out count=1\n");
}

TEST(Backlog, CountsAnewBehindANumberOfWhichAPartIsTaken) {
  Backlog backlog(10'000, "\r\n");
  backlog.leave_out(line_of(1));
  backlog.take(5);
  backlog.leave_out(line_of(2));
  EXPECT_EQ(backlog.front(),
            "0042] info release lines left out count=1\r\n"
            "[1.000042] info release lines left out count=1\r\n");
}

TEST(Backlog, TheOldestGoWhenThereAreTooManyButNotHalfOfALine) {
  const std::size_t size = line_of(1).size() + 1;
  Backlog backlog(10 * size, "\n");
  for (int number = 1; number <= 9; ++number) backlog.add(line_of(number));
  backlog.take(size + 3);
  for (int number = 1; number <= 3; ++number) backlog.add(line_of(number));
  EXPECT_LT(backlog.bytes(), 8 * size);
  EXPECT_EQ(backlog.lines_missing(), 11U);
  std::string text = line_of(2).substr(3) + "\n[1.000042] info release lines left out count=6\n" +
                     line_of(9) + '\n';
  EXPECT_EQ(backlog.front().substr(0, text.size()), text);
  backlog.take(backlog.bytes());
  EXPECT_TRUE(backlog.empty());
  EXPECT_EQ(backlog.lines_missing(), 6U);
}

TEST(Backlog, WhatIsPutBackComesBeforeTheRestOfItsLine) {
  Backlog backlog(1000, "\n");
  backlog.add(line_of(1));
  backlog.take(4);
  backlog.add(line_of(2));
  const auto rest = std::string(backlog.front());
  backlog.put_back("zero\n" + line_of(1).substr(0, 4));
  EXPECT_EQ(backlog.front(), "zero\n" + line_of(1).substr(0, 4) + rest);
  backlog.take(backlog.bytes());
  backlog.put_back("again\n");
  EXPECT_EQ(backlog.front(), "again\n");
  for (int number = 0; number < 100; ++number) backlog.add(line_of(number));
  EXPECT_TRUE(backlog.front().starts_with("again\n["));
}

/// A log whose lines go through a socket.
class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    log_.add_sink(stream_.sink());
    reader_ = stream_.open();
  }

  std::vector<Record> taken() {
    std::vector<char> text(1 << 20U);
    const auto size = ::recv(reader_, text.data(), text.size(), MSG_DONTWAIT);
    const std::string read(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    std::vector<Record> records;
    for (const auto line : lines_of(read)) records.push_back(parse(line).value());
    return records;
  }

  int asked_ = 0;
  Stream stream_{{.behind = Behind::leave_out_details}, [this] { ++asked_; }};
  Log log_;
  int reader_ = -1;
};

TEST_F(StreamTest, HoldsDetailsBackUntilItIsCalledOrAnotherLineComes) {
  log_.debug("one");
  EXPECT_EQ(asked_, 1);
  EXPECT_TRUE(taken().empty());
  stream_.send();
  EXPECT_EQ(taken().size(), 1U);
  log_.debug("two");
  log_.info("three");
  EXPECT_EQ(taken().size(), 2U);
}

TEST_F(StreamTest, DetailsAreLeftOutWhereNobodyReadsAndTheRestIsKept) {
  constexpr int many = 20'000;
  for (int number = 0; number < many; ++number) log_.debug("detail");
  log_.info("the end");
  std::size_t details = 0;
  std::size_t left_out = 0;
  std::string last;
  for (auto records = taken(); !records.empty(); stream_.send(), records = taken()) {
    for (const auto& record : records) {
      details += record.message == "detail" ? 1 : 0;
      if (record.message == "lines left out")
        left_out += number_in<std::size_t>(record.fact("count").value()).value();
      last = record.message;
    }
  }
  EXPECT_GT(details, 0U);
  EXPECT_GT(left_out, 0U);
  EXPECT_EQ(details + left_out, std::size_t{many});
  EXPECT_EQ(last, "the end");
  EXPECT_EQ(stream_.lines_missing(), left_out);
  EXPECT_TRUE(stream_.is_taken());
}

TEST_F(StreamTest, TheNextReaderGetsFirstWhatTheLastHasNotTaken) {
  log_.info("one");
  EXPECT_FALSE(stream_.is_taken());
  stream_.close();
  log_.info("two");
  EXPECT_EQ(taken().size(), 1U);
  reader_ = stream_.open();
  log_.info("three");
  stream_.close();
  reader_ = stream_.open();
  stream_.send();
  const auto records = taken();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].message, "two");
  EXPECT_EQ(records[1].message, "three");
  EXPECT_TRUE(stream_.is_taken());
}

TEST_F(StreamTest, CutsNoLineWhereTheReaderChanges) {
  constexpr std::size_t many = 20'000;
  for (std::size_t number = 0; number < many; ++number) log_.info("a line");
  std::string text;
  for (;; reader_ = stream_.open()) {
    stream_.send();
    std::array<char, 1000> part{};
    const auto size = ::recv(reader_, part.data(), part.size(), MSG_DONTWAIT);
    if (size <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(size));
  }
  std::size_t seen = 0;
  for (const auto line : lines_of(text)) {
    const auto record = parse(line);
    ASSERT_TRUE(record) << line;
    seen += record->message == "a line" ? 1 : 0;
  }
  EXPECT_EQ(seen + stream_.lines_missing(), many);
}

/// As a disk does that is full for a while.
TEST(FileSink, BeginsANewLineAfterOneThatWasCutOff) {
  const UniqueFd file(::memfd_create("log", MFD_CLOEXEC));
  Log log;
  log.add_sink(sinks::descriptor(file.get()));
  log.info("one");
  const auto size = ::lseek(file.get(), 0, SEEK_END);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = static_cast<rlim_t>(size) + 10;
  ::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &limit);
  log.info("two");
  ::setrlimit(RLIMIT_FSIZE, &before);
  log.info("three");
  std::string text(1000, '\0');
  text.resize(static_cast<std::size_t>(::pread(file.get(), text.data(), text.size(), 0)));
  const auto lines = lines_of(text);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[1].size(), 10U);
  EXPECT_EQ(parse(lines[2]).value().message, "three");
}

}  // namespace
}  // namespace dboot::log
