#include "shared/network/settings.hpp"

#include <fcntl.h>

#include <algorithm>
#include <map>

#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::netlink {
namespace {

constexpr std::string_view directory = "/proc/sys/net/";

using Names = std::vector<std::string_view>;

const Names& of_ipv4() {
  static const Names names{"forwarding", "rp_filter", "proxy_arp", "arp_ignore", "arp_announce"};
  return names;
}

/// Without an address of its own a link hears no router: in this order.
const Names& of_ipv6() {
  static const Names names{"disable_ipv6", "addr_gen_mode", "forwarding", "accept_ra",
                           "autoconf",     "use_tempaddr",  "accept_dad"};
  return names;
}

void add(const std::string& name, std::vector<std::string>& settings) {
  auto value = sys::read_file_or_empty(std::string(directory) + name);
  if (value.ends_with('\n')) value.pop_back();
  if (!value.empty()) settings.push_back(name + '=' + value);
}

std::vector<std::string> links_in(const std::string& path) {
  std::vector<std::string> links{"all", "default"};
  // None where the kernel has no IPv6.
  const UniqueFd conf(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!conf) return {};
  for (auto& entry : entries_of(conf.get(), path)) {
    if (entry.name != "all" && entry.name != "default") links.push_back(std::move(entry.name));
  }
  return links;
}

}  // namespace

std::vector<std::string> read_settings() {
  std::vector<std::string> settings;
  for (const auto& [family, names] :
       {std::pair{"ipv4", &of_ipv4()}, std::pair{"ipv6", &of_ipv6()}}) {
    const auto conf = std::string(family) + "/conf/";
    for (const auto& link : links_in(std::string(directory) + conf)) {
      for (const auto name : *names) add(conf + link + '/' + std::string(name), settings);
    }
  }
  return settings;
}

std::string_view value_of(const std::vector<std::string>& settings, std::string_view name) {
  for (const std::string_view setting : settings) {
    if (setting.starts_with(name) && setting.substr(name.size()).starts_with('='))
      return setting.substr(name.size() + 1);
  }
  return {};
}

bool hears_routers(const std::vector<std::string>& settings, const std::string& link) {
  const auto of = [&](std::string_view name) {
    return value_of(settings, "ipv6/conf/" + link + '/' + std::string(name));
  };
  return of("accept_ra") == "2" || (of("accept_ra") == "1" && of("forwarding") == "0");
}

std::vector<Setting> settings_to_write(const std::vector<std::string>& before,
                                       const std::vector<std::string>& now) {
  const auto split = [](const std::string& setting) -> Setting {
    const auto equals = std::min(setting.rfind('='), setting.size());
    return {setting.substr(0, equals), setting.substr(std::min(equals + 1, setting.size()))};
  };
  std::map<std::string, std::string> current;
  for (const auto& setting : now) {
    auto [name, value] = split(setting);
    current[std::move(name)] = std::move(value);
  }
  std::vector<Setting> different;
  for (const auto& setting : before) {
    auto wanted = split(setting);
    const auto found = current.find(wanted.name);
    if (found != current.end() && found->second != wanted.value)
      different.push_back(std::move(wanted));
  }
  return different;
}

void write_setting(const Setting& setting) {
  sys::write_file(std::string(directory) + setting.name, setting.value);
}

}  // namespace dboot::netlink
