#include "injector/network/cluster.hpp"

#include <glob.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "shared/network/message.hpp"
#include "shared/proc/fields.hpp"
#include "shared/proc/namespace.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::network {
namespace {

using Addresses = std::vector<std::string>;

/// "192.0.2.1" of "192.0.2.1/24"; nothing for what is no address.
void add(std::string_view word, Addresses& addresses) {
  std::string address(word.substr(0, word.find('/')));
  if (!netlink::bytes_of_address(address).empty()) addresses.push_back(std::move(address));
}

/// Words of a line, without quotes and comments (keepalived.conf(5): ! and #).
std::vector<std::string> words_without_comment(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (const char letter : line) {
    if (letter == '!' || letter == '#') break;
    if (letter == ' ' || letter == '\t' || letter == '\r' || letter == '"') {
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

/// A configuration with what it includes: patterns of names, relative to where it is.
std::string read_with_includes(const std::string& path, int depth = 4) {
  const auto text = sys::read_file_or_empty(path);
  std::string all = text + '\n';
  for (const auto line : split(text, '\n')) {
    const auto words = words_without_comment(line);
    if (depth == 0 || words.size() < 2 || words[0] != "include") continue;
    const bool is_absolute = words[1].starts_with('/');
    const auto pattern = is_absolute ? words[1] : path.substr(0, path.rfind('/') + 1) + words[1];
    glob_t found{};
    if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
      for (std::size_t at = 0; at < found.gl_pathc; ++at)
        all += read_with_includes(found.gl_pathv[at], depth - 1);
    }
    ::globfree(&found);
  }
  return all;
}

std::string file_of(pid_t pid, const char* name) {
  return sys::read_file_or_empty("/proc/" + std::to_string(pid) + '/' + name);
}

/// Anybody may call himself so: it is a program of that name, run by root, on this network.
bool is_daemon(const ProcessStatus& process, std::string_view name) {
  if (process.name != name) return false;
  const auto id = std::to_string(process.pid);
  std::array<char, PATH_MAX> target{};
  const auto length = ::readlink(("/proc/" + id + "/exe").c_str(), target.data(), target.size());
  const std::string_view executable(target.data(),
                                    length < 0 ? 0 : static_cast<std::size_t>(length));
  const bool is_named_so = executable.substr(executable.rfind('/') + 1) == name;
  const bool is_of_root =
      file_of(process.pid, "status").find("\nUid:\t0\t0\t") != std::string::npos;
  return is_named_so && is_of_root && namespace_of(id, "net") == namespace_of("self", "net");
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
      } else if (is_inside && is_first && !word.starts_with('@')) {
        // What follows is of the same address: "dev eth0 label eth0:1". "@main" before it is a
        // condition.
        add(word, addresses);
        is_first = false;
      }
    }
  }
  return addresses;
}

/// The value of an attribute of an element of XML, in either kind of quotes.
static std::string_view attribute_in(std::string_view element, std::string_view name) {
  for (auto at = element.find(name); at != std::string_view::npos;
       at = element.find(name, at + 1)) {
    const auto rest = element.substr(at + name.size());
    const bool begins = at > 0 && (element[at - 1] == ' ' || element[at - 1] == '\n');
    if (!begins || rest.size() < 2 || rest[0] != '=' || (rest[1] != '"' && rest[1] != '\''))
      continue;
    return rest.substr(2, rest.substr(2).find(rest[1]));
  }
  return {};
}

Addresses addresses_of_pacemaker(std::string_view cib) {
  Addresses addresses;
  constexpr std::string_view pair = "<nvpair";
  for (auto at = cib.find(pair); at != std::string_view::npos; at = cib.find(pair, at + 1)) {
    const auto element = cib.substr(at, cib.substr(at).find('>'));
    if (attribute_in(element, "name") == "ip") add(attribute_in(element, "value"), addresses);
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

std::string configuration_of_keepalived(std::string_view command_line) {
  bool is_next = false;
  for (const auto argument : split(command_line, '\0')) {
    constexpr std::string_view option = "--use-file=";
    if (is_next) return std::string(argument);
    if (argument.starts_with(option)) return std::string(argument.substr(option.size()));
    if (argument.starts_with("-f") && argument.size() > 2) return std::string(argument.substr(2));
    is_next = argument == "-f" || argument == "--use-file";
  }
  return "/etc/keepalived/keepalived.conf";
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
    if (is_daemon(process, "keepalived"))
      add_all(addresses_of_keepalived(
          read_with_includes(configuration_of_keepalived(file_of(process.pid, "cmdline")))));
    if (is_daemon(process, "pacemakerd"))
      add_all(addresses_of_pacemaker(sys::read_file_or_empty("/var/lib/pacemaker/cib/cib.xml")));
    if (is_daemon(process, "ctdbd"))
      add_all(addresses_of_ctdb(sys::read_file_or_empty("/etc/ctdb/public_addresses")));
    if (is_daemon(process, "ucarp")) add_all(addresses_of_ucarp(file_of(process.pid, "cmdline")));
  }
  return addresses;
}

}  // namespace dboot::network
