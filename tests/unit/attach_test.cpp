// What passes between a terminal and the command that it is attached to.
#include <gmock/gmock.h>

#include "payload/attach/messages.hpp"

namespace dboot::attach {
namespace {

std::string all_typed(Reader& reader) {
  std::string bytes;
  while (const auto message = reader.next()) bytes += std::get<Typed>(*message).bytes;
  return bytes;
}

TEST(AttachMessages, AreReadInWhateverPiecesTheyCome) {
  const std::string typed(100'000, 'x');
  const auto sent = encode(typed) + encode("end");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, sent.size()}) {
    Reader reader;
    std::string read;
    for (std::size_t at = 0; at < sent.size(); at += piece) {
      reader.add(std::string_view(sent).substr(at, piece));
      read += all_typed(reader);
    }
    EXPECT_EQ(read, typed + "end") << piece;
  }
}

TEST(AttachMessages, SayHowLargeAWindowIs) {
  Reader reader;
  reader.add(encode(Window{50, 300}));
  const auto message = reader.next();
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<Window>(*message).rows, 50);
  EXPECT_EQ(std::get<Window>(*message).columns, 300);
}

TEST(AttachMessages, AreRefusedFromWhereTheyAreNone) {
  Reader reader;
  reader.add(encode("a") + "GET / HTTP/1.0\r\n");
  EXPECT_EQ(all_typed(reader), "a");
  EXPECT_TRUE(reader.is_broken());
}

TEST(DetachKeys, LeaveAndNothingElseDoes) {
  DetachKeys keys;
  EXPECT_EQ(keys.pass("ab\x10"), "ab");
  // Twice, and something else.
  EXPECT_EQ(keys.pass("\x10"), "\x10");
  EXPECT_EQ(keys.pass("c"),
            "\x10"
            "c");
  EXPECT_EQ(keys.pass("\x11"), "\x11");
  EXPECT_FALSE(keys.are_typed());
  EXPECT_EQ(keys.pass("d\x10\x11"
                      "e"),
            "d");
  EXPECT_TRUE(keys.are_typed());
}

}  // namespace
}  // namespace dboot::attach
