// The way to an ssh client, and who hears packets, in network namespaces of the test's own.
#include <gmock/gmock.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "injector/forecast/processes.hpp"
#include "injector/network/client.hpp"
#include "injector/network/packet_sockets.hpp"
#include "injector/network/record.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/support/failure_of.hpp"

namespace dboot::network {
namespace {

using testing::AllOf;
using testing::HasSubstr;

void run(const std::string& commands) {
  ASSERT_EQ(std::system(("set -e\n" + commands).c_str()), 0) << commands;
}

class WayToTheClient : public testing::Test {
 protected:
  void SetUp() override {
    sys::check(::unshare(CLONE_NEWNET), "unshare");
    run("ip tuntap add vpn mode tun; ip tuntap add guest mode tap\n"
        "ip link add wire type veth peer name end\n"
        "ip link add bridge type bridge\n"
        "ip link set guest master bridge\n"
        "for link in vpn guest wire end bridge; do ip link set $link up; done\n"
        "ip route add 192.0.2.0/24 dev wire\n"
        "ip route add 198.51.100.0/24 dev vpn\n"
        "ip address add 203.0.113.1/24 dev bridge\n");
  }
};

TEST_F(WayToTheClient, ThroughATunDeviceIsRefused) {
  const auto failure = failure_of([] { refuse_links_that_end("198.51.100.7"); });
  EXPECT_THAT(
      failure,
      AllOf(HasSubstr("this session comes from 198.51.100.7 through vpn, and that would end "
                      "with the old system: vpn lives of a process: who has opened it"),
            HasSubstr("another way"), HasSubstr("--force")));
}

TEST_F(WayToTheClient, ThroughWhatTheKernelHasIsNot) {
  EXPECT_NO_THROW(refuse_links_that_end("192.0.2.7"));
  // Of another machine nothing is known.
  EXPECT_NO_THROW(refuse_links_that_end("2001:db8::1"));
  EXPECT_NO_THROW(refuse_links_that_end("no address"));
  EXPECT_NO_THROW(refuse_links_that_end("203.0.113.1"));
}

TEST_F(WayToTheClient, ThroughABridgeIsRefusedWhereNoPortLasts) {
  EXPECT_THAT(failure_of([] { refuse_links_that_end("203.0.113.7"); }),
              HasSubstr("guest lives of a process"));
  run("ip link set wire master bridge");
  EXPECT_NO_THROW(refuse_links_that_end("203.0.113.7"));
}

TEST_F(WayToTheClient, RoutesThatADaemonHasLearntAreRecordedUpToANumber) {
  // The kernel would add addresses and routes of IPv6 by itself, and when it likes.
  run("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6");
  const auto recorded = [](const std::string& last) {
    run("seq 0 " + last +
        " | awk '{ printf \"route replace 10.%d.%d.%d/32 dev wire proto bird\\n\", "
        "$1 / 65536, $1 / 256 % 256, $1 % 256 }' | ip -batch -");
    Network network;
    note_kernel_state(std::nullopt, network);
    return network.messages.size();
  };
  const auto all = recorded("9999");
  EXPECT_GT(all, 10'000U);
  // One more, and there is none.
  EXPECT_EQ(recorded("10000"), all - 10'000);
  // What a cluster has on this host is never there.
  run("ip route add 10.200.0.0/16 dev wire proto keepalived\n"
      "ip rule add from 10.200.0.1 table 100 protocol keepalived");
  EXPECT_EQ(recorded("0"), all - 10'000);
}

/// Somebody of that name who hears the packets of this namespace.
pid_t start_hearing(const char* name) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, name);
  ::socket(AF_PACKET, SOCK_RAW, 0);
  ::kill(::getpid(), SIGSTOP);
  ::_exit(0);
}

TEST_F(WayToTheClient, WhoHearsPacketsIsNamedUnlessItIsKnown) {
  const pid_t unknown = start_hearing("lldpd");
  const pid_t known = start_hearing("dhclient");
  for (const pid_t pid : {unknown, known}) ::waitpid(pid, nullptr, WUNTRACED);
  const auto holders = other_holders_of_packet_sockets(forecast::read_processes());
  for (const pid_t pid : {unknown, known}) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  ASSERT_EQ(holders.size(), 1U);
  EXPECT_EQ(holders.front().pid, unknown);
}

}  // namespace
}  // namespace dboot::network
