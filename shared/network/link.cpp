#include "shared/network/link.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

namespace dboot::netlink {

std::uint32_t number_of_link(const Message& link) {
  return static_cast<std::uint32_t>(link.body<ifinfomsg>().ifi_index);
}

std::map<std::uint32_t, const Message*> links_by_number(const std::vector<Message>& links) {
  std::map<std::uint32_t, const Message*> found;
  for (const auto& link : links) found[number_of_link(link)] = &link;
  return found;
}

std::string name_of_link(const Message& link) {
  return text_in(link.find(IFLA_IFNAME));
}

std::string kind_of_link(const Message& link) {
  return text_in(find_in(link.find(IFLA_LINKINFO).value_or(""), IFLA_INFO_KIND));
}

std::string_view data_of_link(const Message& link) {
  return find_in(link.find(IFLA_LINKINFO).value_or(""), IFLA_INFO_DATA).value_or("");
}

}  // namespace dboot::netlink
