// What is made of an account: text, JSON, a picture, a comparison.
#include "tools/dboot-log/page.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <set>

#include "shared/system/syscalls.hpp"
#include "tests/unit/dboot_log_sample.hpp"
#include "tools/dboot-log/comparison.hpp"
#include "tools/dboot-log/json.hpp"
#include "tools/dboot-log/timeline.hpp"

namespace dboot {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using namespace sample;
using namespace std::chrono_literals;

TEST(DbootLogPage, IsForAPerson) {
  EXPECT_EQ(page::text(of_the_takeover()),
            R"(A takeover with debian, begun 2026-11-27T10:00:00Z.
The new system has started with /sbin/init, 10.250 s after the point of no return.
Point of no return at 4.300 s, pivot at 14.430 s.

Phases                       began        took
  preflight                 0.000 s     0.100 s
  image                     0.100 s     4.100 s  ########
  inject                    4.200 s     90.0 ms
  wake                      4.290 s     20.0 ms
  terminate                 4.400 s    10.010 s  #####################
  release                  14.420 s     0.100 s
  hand-over                14.530 s     10.0 ms
  start                    14.550 s      0.0 ms

Where the time went
     4.000 s  image: the new root is filled (bytes 100, duration 4000.0ms)
    10.000 s  terminate: the end of stuck (pid 30), which was killed: the grace period is over

Stayed busy
    14.500 s  / of the old system: busy, held by pid 7
    14.510 s  /dev/vda1: EBUSY, held by bcache0; to end it: echo 1 >/stop

Warnings and errors
    14.400 s  killed: not ended within the grace period (pid 30, command stuck)

Waited for
     5.400 s  the end of a process, for 1000.0ms (pid 30, command stuck)

Ended: 2 processes, 1 of them killed; the slowest first
    10.000 s  stuck (pid 30), killed: the grace period is over
      8.0 ms  cron (pid 20)

Calls that failed, and were tried again or done without
    14.441 s  umount2 /: Device or resource busy

Freed
    14.440 s  umount2 /srv
)");
}

TEST(DbootLogPage, NamesCannotDraw) {
  const auto account =
      account_of(R"([1.000000] debug terminate gone pid=1 command="\x1b[2J" after=1.0ms killed=no)"
                 "\n");
  EXPECT_THAT(page::text(account), AllOf(HasSubstr("\\x1b[2J"), Not(HasSubstr("\x1b"))));
}

TEST(DbootLogJson, HasAllOfIt) {
  const auto document = boost::json::parse(json(of_the_takeover())).as_object();
  EXPECT_EQ(document.at("format").to_number<int>(), 1);
  EXPECT_EQ(document.at("outcome").as_string(), "started");
  EXPECT_EQ(document.at("no_return_us").to_number<int>(), 4300100);
  EXPECT_EQ(document.at("phases").as_array().size(), 8U);
  EXPECT_EQ(document.at("processes").at("slowest").at(0).at("command").as_string(), "stuck");
  EXPECT_EQ(document.at("busy").at("first").at(1).at("facts").at("device").as_string(),
            "/dev/vda1");
  EXPECT_EQ(document.at("mend"), boost::json::value());
}

/// Those of an object and of all that are in it, but for the facts of a line.
void collect_keys(const boost::json::value& value, std::set<std::string>& keys) {
  if (value.is_array()) {
    for (const auto& item : value.get_array()) collect_keys(item, keys);
  } else if (value.is_object()) {
    for (const auto& member : value.get_object()) {
      keys.emplace(member.key());
      if (member.key() != "facts") collect_keys(member.value(), keys);
    }
  }
}

TEST(DbootLogJson, HasEveryFieldInItsManualPage) {
  const auto page = sys::read_file(DBOOT_SOURCE_DIR "/tools/dboot-log/dboot-log.1.md");
  const auto account = of_the_takeover();
  std::set<std::string> keys;
  collect_keys(boost::json::parse(json(account)), keys);
  collect_keys(boost::json::parse(json(compare(account, account))), keys);
  EXPECT_GT(keys.size(), 40U);
  for (const auto& key : keys) EXPECT_THAT(page, HasSubstr('`' + key + '`'));
}

TEST(DbootLogTimeline, IsWellFormedAndHasEverything) {
  const auto text = replaced(takeover(), "command=stuck", R"(command="<b>&\"")");
  const auto svg = timeline(account_of(text));
  EXPECT_THAT(svg, AllOf(HasSubstr("&lt;b&gt;&amp;&quot; 30"), Not(HasSubstr("<b>")),
                         HasSubstr("point of no return"), HasSubstr(">pivot<"),
                         HasSubstr("prefers-color-scheme: dark"), HasSubstr("stayed busy: /"),
                         HasSubstr("killed, the grace period is over")));
  EXPECT_THAT(timeline(Account{}), HasSubstr("</svg>"));
}

TEST(DbootLogComparison, NamesWhatGotSlowerAndWhatIsNew) {
  const auto before = of_the_takeover();
  auto text = replaced(takeover(), "command=cron after=8.0ms", "command=cron after=2008.0ms");
  text = replaced(text, "/dev/vda1", "/dev/vdb");
  text = replaced(text, "[14.520000] info release finished", "[16.420000] info release finished");
  const auto comparison = compare(before, account_of(text));
  ASSERT_THAT(comparison.processes, SizeIs(1));
  EXPECT_EQ(comparison.processes[0].name, "cron");
  EXPECT_EQ(comparison.processes[0].more(), 2s);
  EXPECT_THAT(comparison.troubles,
              ElementsAre("/dev/vdb: EBUSY, held by bcache0; to end it: echo 1 >/stop"));
  EXPECT_THAT(comparison.mended,
              ElementsAre("/dev/vda1: EBUSY, held by bcache0; to end it: echo 1 >/stop"));
  EXPECT_THAT(::dboot::text(comparison),
              AllOf(HasSubstr("release                   0.100 s     2.000 s  +1.900 s  x20.00\n"),
                    HasSubstr("cron                       8.0 ms     2.008 s  +2.000 s")));
}

TEST(DbootLogComparison, SaysNothingOfProcessesThatItMayNotKnow) {
  const auto line = [](int pid, const std::string& command, int took) {
    return "[9.000000] debug terminate gone pid=" + std::to_string(pid) + " command=" + command +
           " after=" + std::to_string(took) + ".0ms killed=\"it ignores SIGTERM\"\n";
  };
  const std::string both = line(1, "zz", 150) + line(2, "x", 200);
  std::string many = both;
  for (int pid = 3; pid < 1100; ++pid) many += line(pid, "x", 200);
  const auto comparison = compare(account_of(many), account_of(both));
  EXPECT_THAT(comparison.processes, IsEmpty());
  EXPECT_THAT(comparison.killed, IsEmpty());
}

TEST(DbootLogComparison, OfARecordWithItselfNamesNothing) {
  const auto comparison = compare(of_the_takeover(), of_the_takeover());
  EXPECT_THAT(comparison.processes, IsEmpty());
  EXPECT_THAT(comparison.troubles, IsEmpty());
  EXPECT_THAT(comparison.mended, IsEmpty());
  EXPECT_THAT(comparison.killed, IsEmpty());
  EXPECT_THAT(text(comparison), HasSubstr("Nothing else has changed."));
}

}  // namespace
}  // namespace dboot
