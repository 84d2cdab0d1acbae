#include "shared/log/destination.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace dboot::log {
namespace {

TEST(Destination, IsAnAddress) {
  const auto four = parse_destination("udp:192.0.2.1:6666");
  ASSERT_TRUE(four);
  EXPECT_EQ(four->kind, Destination::Kind::udp);
  const auto& address = reinterpret_cast<const sockaddr_in&>(four->address);
  EXPECT_EQ(four->address_size, sizeof address);
  EXPECT_EQ(address.sin_family, AF_INET);
  EXPECT_EQ(ntohs(address.sin_port), 6666);
  EXPECT_EQ(ntohl(address.sin_addr.s_addr), 0xc0000201U);
  const auto six = parse_destination("udp:[2001:db8::1]:514");
  ASSERT_TRUE(six);
  const auto& longer = reinterpret_cast<const sockaddr_in6&>(six->address);
  EXPECT_EQ(longer.sin6_family, AF_INET6);
  EXPECT_EQ(ntohs(longer.sin6_port), 514);
  EXPECT_EQ(longer.sin6_addr.s6_addr[15], 1);
}

TEST(Destination, IsATerminalOrAFile) {
  const auto terminal = parse_destination("ttyS1");
  ASSERT_TRUE(terminal);
  EXPECT_EQ(terminal->kind, Destination::Kind::terminal);
  EXPECT_EQ(terminal->name, "ttyS1");
  const auto file = parse_destination("/var/log/takeover.log");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->kind, Destination::Kind::file);
  EXPECT_EQ(file->name, "/var/log/takeover.log");
}

TEST(Destination, IsNothingElse) {
  for (const char* text : {"", "udp:", "udp:host:514", "udp:192.0.2.1", "udp:192.0.2.1:0",
                           "udp:192.0.2.1:65536", "udp:2001:db8::1:514", "udp:[192.0.2.1]:514",
                           "tcp:192.0.2.1:514", "../tty", "/var/log/", "/", "tty 1"})
    EXPECT_FALSE(parse_destination(text)) << text;
}

}  // namespace
}  // namespace dboot::log
