#include "injector/network/cluster.hpp"

#include <algorithm>
#include <filesystem>
#include <regex>
#include <system_error>

#include "shared/network/message.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::network {
namespace {

namespace fs = std::filesystem;
using Addresses = std::vector<std::string>;

/// "192.0.2.1" of "192.0.2.1/24"; nothing for what is no address.
void add(std::string_view word, Addresses& addresses) {
  std::string address(word.substr(0, word.find('/')));
  if (!netlink::bytes_of_address(address).empty()) addresses.push_back(std::move(address));
}

/// Words of a line, without comments (keepalived.conf(5): ! and #).
std::vector<std::string> words_without_comment(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (const char letter : line) {
    if (letter == '!' || letter == '#') break;
    if (letter == ' ' || letter == '\t' || letter == '\r') {
      end_word();
    } else if (letter == '{' || letter == '}') {
      end_word();
      words.emplace_back(1, letter);
    } else {
      word += letter;
    }
  }
  end_word();
  return words;
}

/// Of every regular file below a directory.
std::string texts_below(const std::string& path) {
  std::string text;
  std::error_code none;
  for (fs::recursive_directory_iterator entry(path, none), end; entry != end;
       entry.increment(none)) {
    if (entry->is_regular_file(none))
      text += sys::read_file_or_empty(entry->path().string()) + '\n';
  }
  return text;
}

}  // namespace

Addresses addresses_of_keepalived(std::string_view configuration) {
  Addresses addresses;
  bool is_announced = false;
  bool is_inside = false;
  for (const auto line : split(configuration, '\n')) {
    bool is_first = true;
    for (const auto& word : words_without_comment(line)) {
      if (word == "virtual_ipaddress" || word == "virtual_ipaddress_excluded") {
        is_announced = true;
      } else if (word == "{") {
        is_inside = is_announced;
        is_announced = false;
      } else if (word == "}") {
        is_inside = false;
      } else if (is_inside && is_first) {
        // What follows is of the same address: "dev eth0 label eth0:1".
        add(word, addresses);
        is_first = false;
      }
    }
  }
  return addresses;
}

Addresses addresses_of_pacemaker(std::string_view cib) {
  Addresses addresses;
  static const std::regex element("<nvpair\\b[^>]*>");
  static const std::regex name(R"re(\bname="ip")re");
  static const std::regex value(R"re(\bvalue="([^"]*)")re");
  const std::string text(cib);
  for (std::sregex_iterator match(text.begin(), text.end(), element), end; match != end; ++match) {
    const std::string pair = match->str();
    std::smatch found;
    if (std::regex_search(pair, name) && std::regex_search(pair, found, value))
      add(found[1].str(), addresses);
  }
  return addresses;
}

Addresses addresses_of_ctdb(std::string_view public_addresses) {
  Addresses addresses;
  for (const auto line : split(public_addresses, '\n')) {
    const auto words = words_without_comment(line);
    if (!words.empty()) add(words.front(), addresses);
  }
  return addresses;
}

Addresses addresses_of_ucarp(std::string_view command_line) {
  Addresses addresses;
  bool is_next = false;
  for (const auto argument : split(command_line, '\0')) {
    constexpr std::string_view option = "--addr=";
    if (is_next) add(argument, addresses);
    if (argument.starts_with(option)) add(argument.substr(option.size()), addresses);
    is_next = argument == "-a" || argument == "--addr";
  }
  return addresses;
}

Addresses cluster_addresses(const std::vector<ProcessStatus>& processes) {
  Addresses addresses;
  const auto add_all = [&](Addresses some) {
    for (auto& address : some) {
      if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
        addresses.push_back(std::move(address));
    }
  };
  for (const auto& process : processes) {
    if (process.name == "keepalived")
      add_all(addresses_of_keepalived(texts_below("/etc/keepalived")));
    if (process.name == "pacemakerd")
      add_all(addresses_of_pacemaker(sys::read_file_or_empty("/var/lib/pacemaker/cib/cib.xml")));
    if (process.name == "ctdbd")
      add_all(addresses_of_ctdb(sys::read_file_or_empty("/etc/ctdb/public_addresses")));
    if (process.name == "ucarp")
      add_all(addresses_of_ucarp(
          sys::read_file_or_empty("/proc/" + std::to_string(process.pid) + "/cmdline")));
  }
  return addresses;
}

}  // namespace dboot::network
