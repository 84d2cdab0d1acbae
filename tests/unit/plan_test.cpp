#include "shared/plan/plan.hpp"

#include <gmock/gmock.h>

#include <limits>

namespace dboot {
namespace {

Plan example() {
  Plan plan;
  plan.scope = Scope::in_namespace;
  plan.executable = "/bin/ba\xff sh";
  plan.arguments = {"bash", "", "-c", "echo \xc3("};
  plan.environment = {"PATH=/bin", "EMPTY="};
  plan.working_directory = "/root";
  plan.start = Start::exec;
  plan.on_exit = OnExit::poweroff;
  plan.on_failure = OnFailure::reboot;
  plan.grace = std::chrono::milliseconds(1500);
  plan.console = "ttyS0";
  plan.hostname = "box";
  plan.log_level = log::Level::debug;
  plan.disk_log = false;
  plan.log_to = {"udp:192.0.2.1:6666", "/var/log/takeover.log"};
  const Place before_sync{Moment::before, "sync"};
  const Place after_release{Moment::after, "release"};
  plan.hooks = {{before_sync, {"/run/dboot/busybox", "sh", "/run/dboot/hooks/1-\xff"}, false},
                {after_release, {"/run/dboot/hooks/2-write"}, true}};
  plan.hook_timeout = std::chrono::milliseconds(200);
  plan.breakpoints = {before_sync, after_release};
  plan.break_timeout = std::chrono::milliseconds(1'000);
  plan.on_break = OnBreak::reboot;
  plan.require_release = true;
  plan.keep_network = true;
  plan.network.messages = {std::string("\0\xff", 2)};
  plan.network.settings = {"ipv4/conf/a\xff/forwarding=1"};
  plan.network.name_servers = {"192.0.2.53"};
  plan.network.search_domains = {"example.org"};
  plan.network.given_up = {"192.0.2.100"};
  plan.network.client = "2001:db8::7";
  plan.flush_firewall = true;
  plan.attachable = true;
  plan.confirm_within = std::chrono::milliseconds(600'000);
  plan.kept_mounts = {"/srv", "/data/\xff"};
  plan.caller = 4711;
  plan.companions = {{"ssh server", "/run/dboot/ssh", {"/usr/sbin/sshd", "-\xff"}}};
  plan.began = std::chrono::nanoseconds(123'456'789);
  plan.kernel_panic = 0;
  plan.injector_version = "0.1.0";
  plan.credentials = {1000, 4'294'967'294, {27, 1000}};
  plan.stop_signal = 37;
  return plan;
}

TEST(Plan, ReadsBackWhatWasWritten) {
  EXPECT_EQ(plan::decode(plan::encode(example())), example());
}

TEST(Plan, IsRefusedWhenTruncatedAtAnyLength) {
  const auto file = plan::encode(example());
  for (std::size_t length = 0; length < file.size(); ++length) {
    EXPECT_THROW(plan::decode(std::span(file).first(length)), plan::Error) << length;
  }
}

TEST(Plan, IsRefusedWhenBytesFollow) {
  auto file = plan::encode(example());
  file.push_back(0);
  EXPECT_THROW(plan::decode(file), plan::Error);
}

TEST(Plan, IsRefusedWithAnyBitFlipped) {
  auto file = plan::encode(example());
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    file[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_THROW(plan::decode(file), plan::Error) << bit;
    file[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
  }
}

TEST(Plan, OfAnotherMajorVersionIsRefusedWithBothVersions) {
  auto file = plan::encode(example());
  file[8] = 9;
  try {
    plan::decode(file);
    FAIL();
  } catch (const plan::Error& error) {
    EXPECT_THAT(error.what(),
                testing::AllOf(testing::HasSubstr("version 9"), testing::HasSubstr("knows 1")));
  }
}

TEST(Plan, WithoutArgumentsIsNotWritten) {
  auto plan = example();
  plan.arguments.clear();
  EXPECT_THROW(plan::encode(plan), plan::Error);
}

TEST(Plan, WithRelativeExecutableIsNotWritten) {
  auto plan = example();
  plan.executable = "bin/sh";
  EXPECT_THROW(plan::encode(plan), plan::Error);
}

TEST(Plan, WithAStopSignalThatIsNoneIsRefused) {
  auto plan = example();
  for (const std::uint8_t none : std::initializer_list<std::uint8_t>{0, 65, 255}) {
    plan.stop_signal = none;
    EXPECT_THAT([&] { plan::encode(plan); },
                testing::ThrowsMessage<plan::Error>(testing::HasSubstr("stop signal")));
  }
}

/// setresuid(2) would leave the command root.
TEST(Plan, WithAUserThatIsNoneIsRefused) {
  constexpr auto none = std::numeric_limits<std::uint32_t>::max();
  for (const Credentials& credentials : {Credentials{none, 0, {}}, Credentials{0, none, {}}}) {
    auto plan = example();
    plan.credentials = credentials;
    EXPECT_THAT([&] { plan::encode(plan); },
                testing::ThrowsMessage<plan::Error>(testing::HasSubstr("4294967295")));
  }
}

TEST(Plan, WithAKeptMountThatCannotBeMovedIsRefused) {
  for (const auto* const mount : {"srv", "/", "/.", "/a/../b", "/a/", "//a", "/proc", "/run/x"}) {
    Plan plan = example();
    plan.kept_mounts = {mount};
    EXPECT_THAT([&] { plan::encode(plan); },
                testing::ThrowsMessage<plan::Error>(testing::HasSubstr("kept mount")))
        << mount;
  }
}

TEST(Plan, WithATimeBeforeTheMachineIsRefused) {
  auto plan = example();
  plan.began = std::chrono::nanoseconds(-1);
  EXPECT_THROW(plan::encode(plan), plan::Error);
}

TEST(Plan, WithNulInArgumentIsRefused) {
  auto plan = example();
  plan.arguments = {std::string("a\0b", 3)};
  EXPECT_THROW(plan::decode(plan::encode(plan)), plan::Error);
}

}  // namespace
}  // namespace dboot
