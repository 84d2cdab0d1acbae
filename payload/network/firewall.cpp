#include "payload/network/firewall.hpp"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "payload/children/blocking.hpp"
#include "shared/network/message.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using netlink::bytes_of;

/// One message of nfnetlink: header and body, without attributes.
std::string nfnetlink_message(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
                              std::uint16_t resource) {
  nlmsghdr header{};
  nfgenmsg body{};
  header.nlmsg_len = sizeof header + sizeof body;
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_seq = sequence;
  body.nfgen_family = AF_UNSPEC;
  body.version = NFNETLINK_V0;
  body.res_id = htons(resource);
  return std::string(bytes_of(header)) + std::string(bytes_of(body));
}

/// A table without name and family stands for all of them (net/netfilter/nf_tables_api.c).
std::string deletion_of_all_tables() {
  constexpr std::uint16_t subsystem = NFNL_SUBSYS_NFTABLES;
  return nfnetlink_message(NFNL_MSG_BATCH_BEGIN, 0, 1, subsystem) +
         nfnetlink_message((subsystem << 8) | NFT_MSG_DELTABLE, NLM_F_ACK, 2, 0) +
         nfnetlink_message(NFNL_MSG_BATCH_END, 0, 3, subsystem);
}

/// 0, or errno. None where the kernel has no nftables.
void flush_nftables() {
  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!socket && errno == EPROTONOSUPPORT) return;
  sys::check(socket.get(), "open a socket of nfnetlink");
  const auto request = deletion_of_all_tables();
  sys::check(::send(socket.get(), request.data(), request.size(), 0), "send to nfnetlink");
  std::array<char, 4096> answer{};
  const auto length =
      sys::check(::recv(socket.get(), answer.data(), answer.size(), 0), "hear from nfnetlink");
  const std::string_view bytes(answer.data(), static_cast<std::size_t>(length));
  const auto error =
      netlink::number_of<nlmsgerr>(bytes.substr(std::min(bytes.size(), sizeof(nlmsghdr))));
  const int number = error ? -error->error : EBADMSG;
  // A kernel without nf_tables does not know the subsystem.
  if (number != 0 && number != EOPNOTSUPP) sys::fail(number, {"nftables"});
}

/// What iptables calls the parts of a table, for each family.
struct Ipv4 {
  static constexpr int family = AF_INET, level = SOL_IP;
  static constexpr int get_info = IPT_SO_GET_INFO, set_replace = IPT_SO_SET_REPLACE;
  static constexpr const char* names = "/proc/net/ip_tables_names";
  using Entry = ipt_entry;
  using Info = ipt_getinfo;
  using Replace = ipt_replace;
};
struct Ipv6 {
  static constexpr int family = AF_INET6, level = SOL_IPV6;
  static constexpr int get_info = IP6T_SO_GET_INFO, set_replace = IP6T_SO_SET_REPLACE;
  static constexpr const char* names = "/proc/net/ip6_tables_names";
  using Entry = ip6t_entry;
  using Info = ip6t_getinfo;
  using Replace = ip6t_replace;
};

/// A rule that everything meets, with its target.
template <class Family, class Target>
std::string rule(Target target, const char* name) {
  typename Family::Entry entry{};
  entry.target_offset = sizeof entry;
  entry.next_offset = static_cast<std::uint16_t>(sizeof entry + sizeof target);
  target.target.u.user.target_size = sizeof target;
  std::strncpy(target.target.u.user.name, name, sizeof target.target.u.user.name - 1);
  return std::string(bytes_of(entry)) + std::string(bytes_of(target));
}

/// The table as it is when nobody has told it anything: a rule that lets everything pass for each
/// of its hooks, and the one that ends every table (libiptc).
template <class Family>
void empty_table(int socket, const std::string& name) {
  typename Family::Info info{};
  name.copy(info.name, sizeof info.name - 1);
  socklen_t size = sizeof info;
  sys::check(::getsockopt(socket, Family::level, Family::get_info, &info, &size), "ask for ", name);

  typename Family::Replace table{};
  name.copy(table.name, sizeof table.name - 1);
  table.valid_hooks = info.valid_hooks;
  std::string rules;
  for (unsigned hook = 0; hook < NF_INET_NUMHOOKS; ++hook) {
    if ((info.valid_hooks >> hook & 1U) == 0) continue;
    table.hook_entry[hook] = table.underflow[hook] = static_cast<unsigned>(rules.size());
    xt_standard_target accept{};
    accept.verdict = -NF_ACCEPT - 1;
    rules += rule<Family>(accept, XT_STANDARD_TARGET);
    ++table.num_entries;
  }
  xt_error_target end{};
  std::strncpy(end.errorname, XT_ERROR_TARGET, sizeof end.errorname - 1);
  rules += rule<Family>(end, XT_ERROR_TARGET);
  ++table.num_entries;
  table.size = static_cast<unsigned>(rules.size());
  // The kernel gives back what the old rules have counted.
  std::vector<xt_counters> counters(info.num_entries);
  table.num_counters = info.num_entries;
  table.counters = counters.data();
  const auto request = std::string(bytes_of(table)) + rules;
  sys::check(::setsockopt(socket, Family::level, Family::set_replace, request.data(),
                          static_cast<socklen_t>(request.size())),
             "empty ", name);
}

/// How many tables were emptied.
template <class Family>
std::size_t flush_iptables() {
  const auto text = sys::read_file_or_empty(Family::names);
  const auto names = words_of(text);
  if (names.empty()) return 0;
  const UniqueFd socket(::socket(Family::family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  sys::check(socket.get(), "open a raw socket");
  for (const auto name : names) empty_table<Family>(socket.get(), std::string(name));
  return names.size();
}

}  // namespace

Task<> flush_firewall(Log& log, Children& children, Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows(Action::set_network)) co_return;
  blocking::Work work = [](const blocking::Report& report) {
    std::string reason;
    std::size_t tables = 0;
    const auto attempt = [&](const std::function<void()>& flush) {
      try {
        flush();
      } catch (const std::system_error& error) {
        reason += (reason.empty() ? "" : "; ") + std::string(error.what());
      }
    };
    attempt(flush_nftables);
    attempt([&] { tables += flush_iptables<Ipv4>(); });
    attempt([&] { tables += flush_iptables<Ipv6>(); });
    if (!reason.empty()) throw std::runtime_error(reason);
    report.info("firewall flushed", {{"tables_of_iptables", tables}});
  };
  auto child = blocking::run(children, "flush the firewall", 10s, std::move(work));
  const auto outcome = co_await std::move(child);
  if (!outcome.finished())
    log.warning("the firewall stays, or part of it", {{"reason", outcome.error}});
}

}  // namespace dboot
