#include <linux/netlink.h>

#include <algorithm>

#include "injector/network/formats.hpp"
#include "shared/network/message.hpp"
#include "tests/fuzz/support/input.hpp"

/// Messages, one behind the other, of links whose router advertisements are heard. What is written
/// of them has no other lines than the writers mean, and none that ends a text between quotes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dboot;
  using namespace dboot::network;
  Network recorded;
  auto rest = fuzz::text_of(data, size);
  while (const auto header = netlink::number_of<nlmsghdr>(rest)) {
    const auto length = std::min<std::size_t>(header->nlmsg_len, rest.size());
    if (length < sizeof *header) break;
    recorded.messages.emplace_back(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  recorded.settings = {"ipv6/conf/eth0/accept_ra=2"};
  recorded.name_servers = {std::string(rest)};
  recorded.search_domains = {std::string(rest)};
  const auto configuration = configuration_of(recorded);
  for (const auto write : {networkd_files, ifupdown_files, network_manager_files, netplan_files}) {
    for (const auto& file : write(configuration)) {
      fuzz::require(file.path.find("/..") == std::string::npos);
      fuzz::require(file.content.find_first_of("\\$`;'") == std::string::npos ||
                    write == network_manager_files);
      for (const char letter : file.content)
        fuzz::require((letter >= ' ' && letter <= '~') || letter == '\n');
    }
  }
  return 0;
}
