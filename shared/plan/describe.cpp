#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "shared/plan/plan.hpp"

namespace dboot {

std::string to_string(const Place& place) {
  return (place.moment == Moment::before ? "before:" : "after:") + place.phase;
}

namespace plan {
namespace {

/// Of an enumerator, by its place among them all.
template <class Value>
std::string_view name_of(Value value, std::initializer_list<std::string_view> names) {
  return std::next(names.begin(), static_cast<std::ptrdiff_t>(value))[0];
}

}  // namespace

std::string_view to_string(Scope scope) {
  return name_of(scope, {"machine", "namespace"});
}
std::string_view to_string(Start start) {
  return name_of(start, {"exec", "supervise"});
}
std::string_view to_string(OnExit on_exit) {
  return name_of(on_exit, {"automatic", "menu", "reboot", "poweroff", "restart"});
}
std::string_view to_string(OnFailure on_failure) {
  return name_of(on_failure, {"shell", "reboot"});
}
std::string_view to_string(OnBreak on_break) {
  return name_of(on_break, {"continue", "reboot"});
}

std::vector<log::Fact> facts(const Plan& plan) {
  std::vector<log::Fact> facts;
  const auto line = [&facts](std::string_view field, std::string_view value) {
    facts.emplace_back(field, value);
  };
  line("scope", to_string(plan.scope));
  line("executable", plan.executable);
  line("arguments", fmt::format("{}", plan.arguments));
  line("working_directory", plan.working_directory);
  const auto& [uid, gid, groups] = plan.credentials;
  line("user", fmt::format("uid {}, gid {}, groups {}", uid, gid, groups));
  line("start", to_string(plan.start));
  line("stop_signal", fmt::format("{}", plan.stop_signal));
  line("on_exit", to_string(plan.on_exit));
  line("on_failure", to_string(plan.on_failure));
  line("grace", fmt::format("{} ms", plan.grace.count()));
  line("console", plan.console);
  line("hostname", plan.hostname.empty() ? "unchanged" : plan.hostname);
  line("log_level", log::to_string(plan.log_level));
  line("disk_log", plan.disk_log ? "yes" : "no");
  line("log_to", fmt::format("{}", plan.log_to));
  std::vector<std::string> hooks;
  hooks.reserve(plan.hooks.size());
  for (const auto& hook : plan.hooks)
    hooks.push_back(fmt::format("{} {}{}", to_string(hook.at), fmt::join(hook.arguments, " "),
                                hook.must_succeed ? " (must succeed)" : ""));
  line("hooks", fmt::format("{}", hooks));
  line("hook_timeout", fmt::format("{} ms", plan.hook_timeout.count()));
  std::vector<std::string> breakpoints;
  breakpoints.reserve(plan.breakpoints.size());
  for (const auto& place : plan.breakpoints) breakpoints.push_back(to_string(place));
  line("breakpoints", fmt::format("{}", breakpoints));
  line("break_timeout", fmt::format("{} ms", plan.break_timeout.count()));
  line("on_break", to_string(plan.on_break));
  line("require_release", plan.require_release ? "yes" : "no");
  line("kept_mounts", fmt::format("{}", plan.kept_mounts));
  line("keep_network", plan.keep_network ? "yes" : "no");
  line("network", fmt::format("{} messages, {} settings", plan.network.messages.size(),
                              plan.network.settings.size()));
  line("name_servers", fmt::format("{}", fmt::join(plan.network.name_servers, " ")));
  line("search_domains", fmt::format("{}", fmt::join(plan.network.search_domains, " ")));
  line("given_up", fmt::format("{}", fmt::join(plan.network.given_up, " ")));
  line("client", plan.network.client.empty() ? "none" : plan.network.client);
  line("firewall", plan.flush_firewall ? "flush" : "keep");
  std::vector<std::string> companions;
  companions.reserve(plan.companions.size());
  for (const auto& companion : plan.companions)
    companions.push_back(fmt::format("{} in {}: {}", companion.name, companion.root,
                                     fmt::join(companion.arguments, " ")));
  line("companions", fmt::format("{}", companions));
  line("attachable", plan.attachable ? "yes" : "no");
  line("caller", plan.caller == 0 ? "none" : fmt::format("{}", plan.caller));
  line("confirm_within", plan.confirm_within.count() == 0
                             ? "never"
                             : fmt::format("{} ms", plan.confirm_within.count()));
  return facts;
}

std::string describe(const Plan& plan) {
  std::string text;
  for (const auto& fact : facts(plan)) {
    std::string field = fact.key;
    std::replace(field.begin(), field.end(), '_', ' ');
    text += fmt::format("{}: {}\n", field, log::escaped(fact.value));
    if (field == "arguments") text += fmt::format("environment: {}\n", plan.environment);
  }
  return text;
}

}  // namespace plan
}  // namespace dboot
