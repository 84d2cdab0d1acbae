#include "payload/network/restore.hpp"

#include <linux/if.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <set>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "payload/children/blocking.hpp"
#include "shared/network/link.hpp"
#include "shared/network/link_changes.hpp"
#include "shared/network/restoring.hpp"
#include "shared/network/settings.hpp"
#include "shared/network/socket.hpp"
#include "shared/network/state.hpp"
#include "shared/network/way.hpp"

namespace dboot {
namespace {

using netlink::Change;
using netlink::Message;

/// "2026-11-29 13:20:03 UTC".
std::string time_in(std::chrono::seconds left) {
  const auto end = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + left);
  std::tm parts{};
  std::array<char, 32> text{};
  const auto length =
      std::strftime(text.data(), text.size(), "%F %T UTC", ::gmtime_r(&end, &parts));
  return {text.data(), length};
}

/// What the child does.
class Restoration {
 public:
  Restoration(const Network& before, const blocking::Report& report)
      : before_(netlink::to_be_kept(before)),
        settings_(before.settings),
        given_up_(before.given_up),
        client_(before.client),
        names_(netlink::names_of_links(before_)),
        report_(report) {}

  void run() {
    give_up_addresses();
    bring_back_links();
    note_links_that_are_gone();
    // Before what depends on them: without IPv6 there are no addresses of it.
    bring_back_settings();
    bring_back_the_rest();
    end_no_more();
    const auto count = [&](netlink::Kind kind) { return netlink::of_kind(before_, kind).size(); };
    report_.info("network kept", {{"links", count(netlink::Kind::link)},
                                  {"addresses", count(netlink::Kind::address)},
                                  {"routes", count(netlink::Kind::route)},
                                  {"brought_back", noted_.size() + settings_brought_back_},
                                  {"failed", failed_}});
    note_way();
  }

 private:
  struct Refused {
    Change change;
    std::string reason;
  };

  /// Who has them next must not meet them here.
  void give_up_addresses() {
    for (const auto& removal :
         netlink::removals(netlink::read(socket_, netlink::Kind::address), given_up_)) {
      const auto what = netlink::in_words(removal.recorded, names_);
      try {
        socket_.request(removal.request, removal.flags);
        report_.info("given up", {{"what", what}});
      } catch (const std::system_error& error) {
        report_.warning("cannot give up", {{"what", what}, {"reason", error.what()}});
      }
    }
  }

  void note_way() {
    using namespace std::chrono_literals;
    if (client_.empty()) return;
    try {
      const auto way = netlink::find_way(socket_, client_);
      if (!way) return;
      const auto neighbour = netlink::look_for_neighbour(socket_, *way, 3s);
      report_.info("way to the ssh client",
                   {{"client", client_},
                    {"device", way->device},
                    {"carrier", way->is_up ? "yes" : "no"},
                    {"gateway", way->has_gateway ? way->neighbour : "none"},
                    {"neighbour", netlink::to_string(neighbour)}});
    } catch (const std::system_error& error) {
      report_.warning("no way to the ssh client is known",
                      {{"client", client_}, {"reason", error.what()}});
    }
  }

  /// Those of containers and of programs end with these, and what lies on them.
  void note_links_that_are_gone() {
    const auto now = netlink::read(socket_, netlink::Kind::link);
    const auto there = netlink::links_by_number(now);
    for (const auto& link : netlink::of_kind(before_, netlink::Kind::link)) {
      const auto found = there.find(netlink::number_of_link(link));
      if (found != there.end() && netlink::is_same_link(*found->second, link)) continue;
      gone_.insert(netlink::number_of_link(link));
      const auto what = netlink::in_words(link, names_);
      if (netlink::is_taken(link, now)) {
        ++failed_;
        report_.warning(
            "cannot bring back",
            {{"what", what}, {"reason", "somebody has renamed it, or made another one"}});
      } else if (netlink::kind_of_link(link) == "veth") {
        report_.debug("gone with the old system", {{"what", what}});
      } else {
        report_.info("gone with the old system", {{"what", what}});
      }
    }
  }

  /// A link that was set up has one some time later, and without it the kernel takes no nexthop.
  void wait_for_carriers() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    const auto has_carrier = [](const Message& link) {
      return (link.body<ifinfomsg>().ifi_flags & IFF_LOWER_UP) != 0;
    };
    const auto before = netlink::of_kind(before_, netlink::Kind::link);
    for (;;) {
      const auto now = netlink::read(socket_, netlink::Kind::link);
      const auto there = netlink::links_by_number(now);
      const bool is_missing = std::any_of(before.begin(), before.end(), [&](const Message& link) {
        const auto found = there.find(netlink::number_of_link(link));
        return has_carrier(link) && found != there.end() &&
               netlink::is_same_link(*found->second, link) && !has_carrier(*found->second);
      });
      if (!is_missing || std::chrono::steady_clock::now() > end) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  void bring_back_links() {
    auto changes = netlink::changes(netlink::of_kind(before_, netlink::Kind::link),
                                    netlink::read(socket_, netlink::Kind::link));
    // One may need another one that stands behind it: a VLAN the bond below it.
    for (std::size_t left = changes.size() + 1; changes.size() < left;) {
      left = changes.size();
      std::vector<Refused> refused;
      for (auto& change : changes) {
        auto reason = attempt(change);
        if (!reason.empty()) refused.push_back({std::move(change), std::move(reason)});
      }
      changes.clear();
      if (refused.size() == left) {
        give_up(refused);
      } else {
        for (auto& [change, reason] : refused) changes.push_back(std::move(change));
      }
    }
  }

  void give_up(const std::vector<Refused>& refused) {
    if (refused.empty()) return;
    const auto now = netlink::read(socket_, netlink::Kind::link);
    for (const auto& [change, reason] : refused) {
      if (!netlink::is_so(change, now)) note_failure(change, reason);
    }
  }

  void note_failure(const Change& change, const std::string& reason) {
    ++failed_;
    report_.warning("cannot bring back",
                    {{"what", netlink::in_words(change.recorded, names_)}, {"reason", reason}});
  }

  /// Why it could not be done; empty when it was. It may be there already: the kernel has made it
  /// with something else.
  std::string attempt(const Change& change) {
    try {
      socket_.request(change.request, change.flags);
    } catch (const std::system_error& error) {
      return error.what();
    }
    // A link is brought back step by step.
    if (!noted_.insert(change.recorded).second) return "";
    report_.info("brought back", {{"what", netlink::in_words(change.recorded, names_)}});
    return "";
  }

  /// Setting one for all links sets that of each.
  void bring_back_settings() {
    constexpr int most_rounds = 3;
    std::set<std::string> noted;
    for (int round = 0; round < most_rounds; ++round) {
      const auto different = netlink::settings_to_write(settings_, netlink::read_settings());
      if (different.empty()) return;
      for (const auto& setting : different) write(setting, noted.insert(setting.name).second);
    }
  }

  void write(const netlink::Setting& setting, bool is_first_time) {
    const std::string what = setting.name + '=' + setting.value;
    try {
      netlink::write_setting(setting);
      if (!is_first_time) return;
      report_.info("brought back", {{"what", what}});
      ++settings_brought_back_;
    } catch (const std::system_error& error) {
      if (!is_first_time) return;
      ++failed_;
      report_.warning("cannot bring back", {{"what", what}, {"reason", error.what()}});
    }
  }

  /// Whether the kernel renews what it has from routers on that link.
  bool is_renewed(std::uint32_t link) {
    if (current_settings_.empty()) current_settings_ = netlink::read_settings();
    const auto name = names_.find(link);
    return name != names_.end() && netlink::hears_routers(current_settings_, name->second);
  }

  /// But for what lies on links that are gone, and what comes again from routers.
  std::vector<Change> missing(netlink::Kind kind) {
    auto changes = netlink::changes(netlink::of_kind(before_, kind), netlink::read(socket_, kind));
    std::erase_if(changes, [&](const Change& change) {
      const auto link = netlink::link_of(change.recorded);
      return gone_.contains(link) || (netlink::is_of_routers(change.recorded) && is_renewed(link));
    });
    return changes;
  }

  /// A gateway needs the route to it, and a route its nexthop, of whatever kind they are: until a
  /// whole round brings nothing back.
  void bring_back_in_rounds() {
    for (std::size_t before = noted_.size() + 1; before != noted_.size();) {
      before = noted_.size();
      for (const auto kind : of_the_rest) {
        for (const auto& change : missing(kind)) attempt(change);
      }
    }
  }

  void bring_back_the_rest() {
    bring_back_in_rounds();
    const bool is_complete = std::all_of(of_the_rest.begin(), of_the_rest.end(),
                                         [&](netlink::Kind kind) { return missing(kind).empty(); });
    if (is_complete) return;
    wait_for_carriers();
    bring_back_in_rounds();
    for (const auto kind : of_the_rest) {
      for (const auto& change : missing(kind)) {
        const auto reason = attempt(change);
        if (!reason.empty()) note_failure(change, reason);
      }
    }
  }

  /// Nobody renews a lease any more.
  void end_no_more() {
    const auto renewed = [this](std::uint32_t link) { return is_renewed(link); };
    for (const auto kind : {netlink::Kind::address, netlink::Kind::route}) {
      for (const auto& ending : netlink::endings(netlink::read(socket_, kind), renewed))
        end_no_more(ending);
    }
  }

  void end_no_more(const netlink::Ending& ending) {
    const auto& [change, left] = ending;
    const auto what = netlink::in_words(change.recorded, names_);
    try {
      socket_.request(change.request, change.flags);
    } catch (const std::system_error& error) {
      // Of a route: the same one once more has taken its end away.
      if (error.code() != std::errc::file_exists) {
        report_.warning("ends with its lease",
                        {{"what", what}, {"lease_ends", time_in(left)}, {"reason", error.what()}});
        return;
      }
    }
    report_.info("lasts from now on",
                 {{"what", what}, {"lease_ends", time_in(left)}, {"left", left}});
  }

  static constexpr std::array of_the_rest{netlink::Kind::address, netlink::Kind::nexthop,
                                          netlink::Kind::route, netlink::Kind::rule,
                                          netlink::Kind::neighbour};

  std::vector<Message> before_;
  const std::vector<std::string>& settings_;
  const std::vector<std::string>& given_up_;
  const std::string& client_;
  netlink::LinkNames names_;
  const blocking::Report& report_;
  netlink::Socket socket_;
  std::vector<std::string> current_settings_;  ///< once they are brought back
  std::set<std::uint32_t> gone_;               ///< links
  std::set<Message> noted_;
  std::size_t settings_brought_back_ = 0;
  std::size_t failed_ = 0;
};

}  // namespace

Task<> restore_network(Log& log, Children& children, Permissions permissions,
                       const Network& before) {
  using namespace std::chrono_literals;
  if (!permissions.allows(Action::set_network) || before.messages.empty()) co_return;
  // A driver may take its time over a link, with the lock that everybody else waits for.
  blocking::Work work = [&before](const blocking::Report& report) {
    Restoration(before, report).run();
  };
  auto child = blocking::run(children, "restore the network", 10s, std::move(work));
  const auto outcome = co_await std::move(child);
  if (!outcome.finished())
    log.warning("not all of the network could be looked at", {{"reason", outcome.error}});
}

}  // namespace dboot
