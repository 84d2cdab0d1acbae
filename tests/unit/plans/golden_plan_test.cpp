// Plans that a payload of another version may meet: those in here were written by versions of the
// past, and one has fields that are yet to come. Schemas and files in here are never changed.
#include <flatbuffers/flatbuffers.h>
#include <gtest/gtest.h>

#include <boost/crc.hpp>
#include <boost/endian/conversion.hpp>
#include <cstring>

#include "shared/plan/plan.hpp"
#include "shared/system/syscalls.hpp"
#include "tomorrow_generated.h"

namespace dboot {
namespace {

constexpr std::size_t header_size = 24;
using Bytes = std::vector<std::uint8_t>;

Bytes golden(const std::string& version) {
  const auto text = sys::read_file(std::string(DBOOT_GOLDEN_PLANS) + '/' + version + ".plan");
  return {text.begin(), text.end()};
}

/// What 1.2.plan says.
Plan of_1_2() {
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
  plan.began = std::chrono::nanoseconds(123'456'789);
  plan.kernel_panic = 0;
  plan.injector_version = "0.1.0";
  plan.credentials = {1000, 4'294'967'294, {27, 1000}};
  plan.stop_signal = 37;
  return plan;
}

/// What 1.3.plan says.
Plan of_1_3() {
  Plan plan = of_1_2();
  const Place before_release{Moment::before, "release"};
  const Place after_hand_over{Moment::after, "hand-over"};
  plan.hooks.push_back({before_release, {"/run/dboot/hooks/1-look", "\xff", ""}, false});
  plan.hooks.push_back({after_hand_over, {"/bin/sh", "/run/dboot/hooks/2-say"}, true});
  plan.hook_timeout = std::chrono::milliseconds(2500);
  plan.breakpoints = {after_hand_over, before_release};
  plan.break_timeout = std::chrono::milliseconds(4'294'967'295);
  plan.on_break = OnBreak::reboot;
  return plan;
}

/// What 1.4.plan says.
Plan of_1_4() {
  Plan plan = of_1_3();
  plan.require_release = true;
  return plan;
}

/// What 1.5.plan says.
Plan of_1_5() {
  Plan plan = of_1_4();
  plan.keep_network = true;
  plan.network.messages = {std::string("\x14\0\0\0\xff", 5), ""};
  plan.network.settings = {"ipv6/conf/eth\xff/accept_ra=2"};
  plan.network.name_servers = {"192.0.2.53", "2001:db8::53"};
  plan.network.search_domains = {"example.org"};
  plan.network.given_up = {"192.0.2.100"};
  plan.network.client = "fe80::1%eth0";
  plan.flush_firewall = true;
  return plan;
}

/// What 1.6.plan says.
Plan of_1_6() {
  Plan plan = of_1_5();
  plan.companions = {{"ssh server", "/run/dboot/ssh", {"/usr/sbin/sshd", "-D"}},
                     {"second", "/run/dboot/second", {"/bin/it", "\xff", ""}}};
  plan.caller = 4194304;
  plan.attachable = true;
  return plan;
}

/// What 1.8.plan says.
Plan of_1_8() {
  Plan plan = of_1_6();
  plan.confirm_within = std::chrono::milliseconds(4'294'967'295);
  plan.kept_mounts = {"/srv", "/data/\xff"};
  return plan;
}

/// A plan file as shared/plan/plan.hpp describes it.
Bytes with_header(std::span<const std::uint8_t> body, std::uint16_t minor) {
  Bytes file(header_size + body.size());
  std::memcpy(file.data(), "DBOOTPLN", 8);
  boost::endian::store_little_u16(file.data() + 8, plan::major_version);
  boost::endian::store_little_u16(file.data() + 10, minor);
  boost::endian::store_little_u64(file.data() + 16, body.size());
  std::copy(body.begin(), body.end(), file.begin() + header_size);
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(file.data(), 12);
  crc.process_bytes(file.data() + 16, file.size() - 16);
  boost::endian::store_little_u32(file.data() + 12, crc.checksum());
  return file;
}

TEST(GoldenPlan, IsReadAsItWasMeant) {
  EXPECT_EQ(plan::decode(golden("1.2")), of_1_2());
  EXPECT_EQ(plan::decode(golden("1.3")), of_1_3());
  EXPECT_EQ(plan::decode(golden("1.4")), of_1_4());
  EXPECT_EQ(plan::decode(golden("1.5")), of_1_5());
  EXPECT_EQ(plan::decode(golden("1.6")), of_1_6());
  EXPECT_EQ(plan::decode(golden("1.8")), of_1_8());
}

TEST(GoldenPlan, OfTodayIsReadByThePayloadsOfTomorrow) {
  const auto file = golden("1.8");
  flatbuffers::Verifier verifier(file.data() + header_size, file.size() - header_size);
  ASSERT_TRUE(tomorrow::VerifyPlanBuffer(verifier));
  const auto* plan = tomorrow::GetPlan(file.data() + header_size);
  EXPECT_EQ(plan->console()->str(), "ttyS0");
  EXPECT_EQ(plan->stop_signal(), 37);
  EXPECT_EQ(plan->added_text(), nullptr);
  EXPECT_EQ(plan->added_number(), 7U);
}

TEST(GoldenPlan, OfTomorrowIsReadByThePayloadOfToday) {
  const auto file = golden("1.8");
  const auto plan = tomorrow::UnPackPlan(file.data() + header_size);
  plan->added_text = "for another";
  plan->added_number = 8;
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(tomorrow::Plan::Pack(builder, plan.get()));
  EXPECT_EQ(plan::decode(with_header({builder.GetBufferPointer(), builder.GetSize()},
                                     plan::minor_version + 1)),
            of_1_8());
}

TEST(GoldenPlan, Of1_0HasTheDefaultsOfWhatCameLater) {
  // A 1.0 has none of those that came later: it is as one in which each has its default.
  const auto file = golden("1.2");
  const auto plan = tomorrow::UnPackPlan(file.data() + header_size);
  plan->uid = plan->gid = 0;
  plan->groups.clear();
  plan->stop_signal = 15;
  plan->disk_log = true;
  plan->log_to.clear();
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(tomorrow::Plan::Pack(builder, plan.get()));
  Plan expected = of_1_2();
  expected.credentials = {};
  expected.stop_signal = 15;
  expected.disk_log = true;
  expected.log_to.clear();
  EXPECT_EQ(plan::decode(with_header({builder.GetBufferPointer(), builder.GetSize()}, 0)),
            expected);
}

}  // namespace
}  // namespace dboot
