#include "injector/inject/address_space.hpp"

#include <gmock/gmock.h>

#include <array>
#include <cstring>

namespace dboot::inject {
namespace {

TEST(Maps, AreParsedWithTheirNames) {
  const auto maps = parse_maps(
      "55d0c0a00000-55d0c0a02000 r-xp 00001000 fe:00 1234      /usr/lib/my init\n"
      "7ffd1000-7ffd2000 rw-p 00000000 00:00 0                 [stack]\n"
      "7f0000000000-7f0000001000 ---p 00000000 00:00 0\n");
  ASSERT_EQ(maps.size(), 3U);
  EXPECT_EQ(maps[0].begin, 0x55d0c0a00000U);
  EXPECT_EQ(maps[0].end, 0x55d0c0a02000U);
  EXPECT_TRUE(maps[0].readable && maps[0].executable && !maps[0].writable);
  EXPECT_EQ(maps[0].name, "/usr/lib/my init");
  EXPECT_TRUE(maps[1].readable && maps[1].writable && !maps[1].executable);
  EXPECT_EQ(maps[1].name, "[stack]");
  EXPECT_FALSE(maps[2].readable);
  EXPECT_EQ(maps[2].name, "");
}

TEST(Maps, LinesThatAreNoneArePassedOver) {
  EXPECT_TRUE(parse_maps("").empty());
  EXPECT_TRUE(parse_maps("\n\nx\n1234 r-xp\n12-zz r-xp 0 0:0 0\n1-2 r-\n").empty());
}

TEST(Code, IsFoundByItsBytes) {
  // nop; syscall; nop; syscall; ret; mov $15,%rax; syscall
  constexpr std::array<unsigned char, 16> text{0x90, 0x0f, 0x05, 0x90, 0x0f, 0x05, 0xc3, 0x48,
                                               0xc7, 0xc0, 0x0f, 0,    0,    0,    0x0f, 0x05};
  arch::Code code;
  arch::find_code(std::as_bytes(std::span(text)), 0x1000, code);
  EXPECT_EQ(code.syscall, 0x1001U);
  EXPECT_EQ(code.syscall_return, 0x1004U);
  EXPECT_EQ(code.signal_return, 0x1007U);
  EXPECT_TRUE(code.complete());
}

TEST(Code, WithoutARestorerDoesNotRestoreItself) {
  constexpr std::array<unsigned char, 3> text{0x0f, 0x05, 0xc3};
  arch::Code code;
  arch::find_code(std::as_bytes(std::span(text)), 0x1000, code);
  EXPECT_NE(code.syscall_return, 0U);
  EXPECT_FALSE(code.restores_itself());
}

TEST(Call, LiesBelowTheRedZoneAndPointsIntoItself) {
  arch::State state;
  state.registers.rsp = 0x7ffd0000;
  state.registers.rip = 0x400000;
  state.registers.orig_rax = ~0ULL;
  state.extended.resize(576);
  const arch::Code code{.syscall = 0x1001, .syscall_return = 0x1004, .signal_return = 0x1007};
  const auto call = arch::build_execve(state, code, {"/run/x", {"first", "second"}, {"A=1"}});
  EXPECT_TRUE(call.restores_itself);
  EXPECT_LE(call.address + call.bytes.size(), state.registers.rsp - 128);
  EXPECT_LE(call.registers.rsp, call.address);
  EXPECT_EQ(call.registers.rip, code.syscall_return);

  const auto word = [&](std::uint64_t address) {
    std::uint64_t value = 0;
    std::memcpy(&value, call.bytes.data() + (address - call.address), sizeof value);
    return value;
  };
  const auto text = [&](std::uint64_t address) {
    return std::string(reinterpret_cast<const char*>(call.bytes.data() + (address - call.address)));
  };
  EXPECT_EQ(word(call.registers.rsp), code.signal_return);
  EXPECT_EQ(text(call.registers.rdi), "/run/x");
  EXPECT_EQ(text(word(call.registers.rsi)), "first");
  EXPECT_EQ(text(word(call.registers.rsi + 8)), "second");
  EXPECT_EQ(word(call.registers.rsi + 16), 0U);
  EXPECT_EQ(text(word(call.registers.rdx)), "A=1");
  EXPECT_EQ(word(call.registers.rdx + 8), 0U);
}

}  // namespace
}  // namespace dboot::inject
