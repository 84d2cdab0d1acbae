#include <gmock/gmock.h>
#include <sys/socket.h>

#include <array>

#include "tests/machine/driver/keyboard.hpp"
#include "tests/machine/driver/screen.hpp"
#include "tests/machine/driver/serial.hpp"
#include "tests/machine/driver/terminal_text.hpp"

namespace dboot::machine {
namespace {

using testing::ElementsAre;

TEST(TerminalText, LeavesOutEscapeSequencesEvenWhenTheyAreCut) {
  TerminalText terminal;
  terminal.append("one\r\n\x1b[0;1");
  terminal.append(";31mtwo\x1b[?2004h\x1b]0;title\a three");
  EXPECT_EQ(terminal.text(), "one\ntwo three");
}

TEST(Keyboard, PressesShiftAndControlWhereTheCharacterNeedsThem) {
  EXPECT_THAT(keyboard::keys_of("aB>\x03\n"),
              ElementsAre(ElementsAre("a"), ElementsAre("shift", "b"), ElementsAre("shift", "dot"),
                          ElementsAre("ctrl", "c"), ElementsAre("ret")));
}

TEST(Keyboard, RefusesWhatNoKeyProduces) {
  EXPECT_THROW(keyboard::keys_of("\xc3\xa4"), std::invalid_argument);
}

TEST(Screen, CountsWhatHasAboutAColour) {
  const Screen screen(std::string("P6\n2 2\n255\n") + "\x10\x20\x30" + "\x12\x1f\x30" +
                      "\x10\x20\x50" + "zzz");
  EXPECT_EQ(screen.width(), 2U);
  EXPECT_EQ(screen.height(), 2U);
  EXPECT_EQ(screen.share_of({0x10, 0x20, 0x30}), 0.5);
}

TEST(Screen, RefusesWhatIsCutOffOrSomethingElse) {
  EXPECT_THROW(Screen("P6\n2 2\n255\nabc"), std::runtime_error);
  EXPECT_THROW(Screen("P5\n1 1\n255\nabc"), std::runtime_error);
}

struct Line {
  Line() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    near_end.reset(ends[0]);
    far_end.reset(ends[1]);
  }
  UniqueFd near_end;
  UniqueFd far_end;
};

TEST(Serial, FindsWhatComesInPiecesAndEachTextOnce) {
  Loop loop;
  Line line;
  Serial serial(loop, std::move(line.near_end), "line", "/dev/null");
  for (const std::string_view piece : {"log", "in: x\nlo", "gin: "})
    ASSERT_GT(::write(line.far_end.get(), piece.data(), piece.size()), 0);
  EXPECT_EQ(serial.expect("^login: "), "login: ");
  EXPECT_EQ(serial.expect_text("login: "), "x\nlogin: ");
  EXPECT_THROW(serial.expect("login", 0s), TimedOut);
}

}  // namespace
}  // namespace dboot::machine
