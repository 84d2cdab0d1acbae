#include "tools/dboot-log/reader.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.hpp"
#include "tests/unit/dboot_log_sample.hpp"
#include "tools/dboot-log/sources.hpp"

namespace dboot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace sample;
using namespace std::chrono_literals;

TEST(DbootLogReader, FindsARecordBehindWhatOthersPutBeforeIt) {
  const std::string line = R"([14.400000] warning terminate killed pid=30 command="a b")";
  const auto expected = log::parse(line);
  ASSERT_TRUE(expected);
  for (const std::string& text : {
           line,
           "[   14.500000] dboot: " + line,
           "<28>[   14.500000] dboot: " + line + "\r",
           "Nov 27 10:00:14 host kernel: dboot: " + line,
           "2026-11-27T10:00:14.5+00:00 host kernel: dboot: " + line,
           "\x1b[0;32m" + line + "\x1b[0m",
           "\x1b]0;title\a\x1b(B" + line,
           "login: " + line,
           "6,1234,14500000,-;dboot: " + line,
       }) {
    const auto found = reader::find_record(text);
    ASSERT_TRUE(found) << text;
    EXPECT_EQ(*found, *expected) << text;
  }
}

TEST(DbootLogReader, TakesOtherLinesForNone) {
  for (const char* text :
       {"", "[", "[   14.500000] usb 1-1: new device", "[14.400000] info", "[14.4] info wake x",
        "[14.400000] notice wake x", "[14.400000]info wake x", "an [14.400000 info wake x"})
    EXPECT_FALSE(reader::find_record(text)) << text;
}

TEST(DbootLogReader, TakesWhatIsThereOfALineThatIsCut) {
  const auto found = reader::find_record(R"([1.000000] info wake x a=1 b="cut he)");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->message, "x");
  ASSERT_THAT(found->facts, SizeIs(2));
  EXPECT_EQ(found->fact("a"), "1");
  EXPECT_EQ(found->fact("b"), "cut he…");
  const auto fact_of = [](const std::string& line) {
    const auto record = reader::find_record("[1.000000] info wake x " + line);
    return record ? std::string(record->fact("b").value_or("none")) : "no record";
  };
  EXPECT_EQ(fact_of(R"(b="cut \x1)"), "cut …");
  EXPECT_EQ(fact_of(R"(b="cut \)"), "cut …");
  EXPECT_EQ(fact_of("a=1 b=2 c"), "2");
  std::string words = "b=\"w";
  for (int count = 0; count < 100; ++count) words += " w";
  EXPECT_THAT(fact_of(words), HasSubstr("w w w…"));
  // As dmesg has them in the locale C, and /dev/kmsg always.
  EXPECT_EQ(fact_of(R"(a=\xc3\xa9 b=caf\xc3\xa9)"), "caf\u00e9");
  // With something of another program's behind it.
  EXPECT_EQ(fact_of(R"(b="x y"[   12.0] usb)"), "x y");
}

TEST(DbootLogReader, TellsARepeatedLineOnce) {
  Teller teller;
  const auto counts =
      tell("[1.000000] info wake a\r\nnoise\n[    1.1] dboot: [1.000000] info wake a\n", teller);
  EXPECT_EQ(counts.lines, 3U);
  EXPECT_EQ(counts.records, 1U);
  EXPECT_EQ(counts.repeated, 1U);
}

TEST(DbootLogReader, LooksAtALongLineUpToItsLimit) {
  Teller teller;
  const std::string zeros(std::size_t{1} << 20U, '\0');
  EXPECT_EQ(tell(zeros + "\n[1.000000] info wake a\n" + zeros, teller).lines, 3U);
  EXPECT_EQ(teller.finish()->lines, 1U);
}

class DbootLogSources : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text, std::chrono::hours age) const {
    const std::filesystem::path path = directory_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - age);
  }
  std::string root() const { return (directory_ / "").string(); }

  TemporaryDirectory directory_;
};

TEST_F(DbootLogSources, TheNewestOfThePreviousComesFirst) {
  write("var/log/dboot/a.log", "", 3h);
  write("var/log/dboot/b.log", "", 1h);
  write("var/log/dboot/note.txt", "", 0h);
  write("var/lib/systemd/pstore/17/dmesg.txt", "x\n", 2h);
  std::vector<std::string> names;
  for (const auto& source : sources::of_previous_systems(root()))
    names.push_back(std::filesystem::path(source.name).filename().string());
  EXPECT_THAT(names, ElementsAre("b.log", "dmesg.txt", "a.log"));
}

TEST_F(DbootLogSources, PartsOfADumpAreReadInTheirOrder) {
  write("sys/fs/pstore/dmesg-efi-2", "Panic#1 Part2\nfirst\n", 1h);
  write("sys/fs/pstore/dmesg-efi-1", "Panic#1 Part1\nlast\n", 1h);
  write("sys/fs/pstore/dmesg-efi-10", "Panic#1 Part10\nvery first\n", 1h);
  const auto found = sources::of_previous_systems(root());
  ASSERT_THAT(found, SizeIs(1));
  std::string text;
  sources::read(found[0], [&](std::istream& stream) {
    text.append(std::istreambuf_iterator<char>(stream), {});
  });
  EXPECT_EQ(text, "Panic#1 Part10\nvery first\nPanic#1 Part2\nfirst\nPanic#1 Part1\nlast\n");
}

/// Each first dump of a system is called Panic#1.
TEST_F(DbootLogSources, DumpsOfSeveralSystemsAreSeveral) {
  write("sys/fs/pstore/dmesg-efi-11", "Panic#1 Part1\nold end\n", 9h);
  write("sys/fs/pstore/dmesg-efi-12", "Panic#1 Part2\nold\n", 9h);
  write("sys/fs/pstore/dmesg-efi-21", "Panic#1 Part1\nnew end\n", 1h);
  write("sys/fs/pstore/dmesg-efi-22", "Panic#1 Part2\nnew\n", 1h);
  const auto found = sources::of_previous_systems(root());
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_THAT(found[0].files, ElementsAre(HasSubstr("efi-22"), HasSubstr("efi-21")));
  EXPECT_THAT(found[1].files, ElementsAre(HasSubstr("efi-12"), HasSubstr("efi-11")));
}

/// systemd-pstore keeps the parts of what it has put together.
TEST_F(DbootLogSources, PartsOfWhatIsWholeAreNotReadOnceMore) {
  write("var/lib/systemd/pstore/17/dmesg.txt", "Panic#1 Part2\nx\nPanic#1 Part1\ny\n", 1h);
  write("var/lib/systemd/pstore/17/dmesg-efi-1", "Panic#1 Part1\ny\n", 1h);
  const auto found = sources::of_previous_systems(root());
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].name, HasSubstr("dmesg.txt"));
}

TEST_F(DbootLogSources, OfNothingThereIsNone) {
  EXPECT_THAT(sources::of_previous_systems(root()), IsEmpty());
  const std::string missing = root() + "missing";
  EXPECT_THROW(sources::read({missing, {missing}, {}}, [](std::istream&) {}), std::system_error);
  EXPECT_THROW(sources::read({root(), {root()}, {}}, [](std::istream&) {}), std::system_error);
}

}  // namespace
}  // namespace dboot
