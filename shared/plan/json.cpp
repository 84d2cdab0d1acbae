#include "shared/plan/json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>
#include <initializer_list>
#include <limits>
#include <utility>

#include "shared/log/destination.hpp"
#include "shared/log/json.hpp"

namespace dboot::plan {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

/// "before:release".
array places(const std::vector<Place>& wanted) {
  array list;
  for (const auto& place : wanted) list.emplace_back(json_text(dboot::to_string(place)));
  return list;
}

array hooks(const std::vector<Hook>& wanted) {
  array list;
  for (const auto& hook : wanted)
    list.push_back(object{{"at", json_text(dboot::to_string(hook.at))},
                          {"arguments", json_texts(hook.arguments)},
                          {"must_succeed", hook.must_succeed}});
  return list;
}

object user(const Credentials& credentials) {
  return {{"uid", credentials.uid},
          {"gid", credentials.gid},
          {"groups", array(credentials.groups.begin(), credentials.groups.end())}};
}

value network_of(const Network& network) {
  if (network == Network{}) return {};
  return object{{"messages", json_texts(network.messages)},
                {"settings", json_texts(network.settings)},
                {"name_servers", json_texts(network.name_servers)},
                {"search_domains", json_texts(network.search_domains)},
                {"given_up", json_texts(network.given_up)},
                {"client", network.client.empty() ? value() : value(json_text(network.client))}};
}

array companions(const std::vector<Companion>& wanted) {
  array list;
  for (const auto& companion : wanted)
    list.push_back(object{{"name", json_text(companion.name)},
                          {"root", json_text(companion.root)},
                          {"arguments", json_texts(companion.arguments)}});
  return list;
}

[[noreturn]] void refuse(const std::string& field, const std::string& why) {
  throw Error("the field " + field + " " + why);
}

/// Takes the fields of an object one by one; what is left in the end is known to nobody.
class Fields {
 public:
  Fields(const value& document, std::string within) : within_(std::move(within)) {
    if (!document.is_object()) {
      throw Error((within_.empty() ? "this" : "the field " + within_) + " is no object of JSON");
    }
    rest_ = document.get_object();
    if (!within_.empty()) within_ += '.';
  }

  void text(const std::string& name, std::string& to) {
    take(name, [&](const value& given) { to = as_text(within_ + name, given); });
  }
  void texts(const std::string& name, std::vector<std::string>& to) { to_list(name, to, as_text); }
  void truth(const std::string& name, bool& to) {
    take(name, [&](const value& given) {
      if (!given.is_bool()) refuse(within_ + name, "is neither true nor false");
      to = given.get_bool();
    });
  }
  template <class Number>
  void number(const std::string& name, Number& to, std::int64_t least, std::int64_t most) {
    take(name,
         [&](const value& given) { to = as_number<Number>(within_ + name, given, least, most); });
  }
  void milliseconds(const std::string& name, std::chrono::milliseconds& to) {
    auto count = static_cast<std::uint32_t>(to.count());
    number(name, count, 0, std::numeric_limits<std::uint32_t>::max());
    to = std::chrono::milliseconds(count);
  }
  /// The first value is 0, and so on.
  template <class Value>
  void one_of(const std::string& name, Value& to, std::initializer_list<Value> values) {
    take(name, [&](const value& given) {
      const auto word = as_text(within_ + name, given);
      std::string list;
      for (const Value candidate : values) {
        if (word == name_of(candidate)) {
          to = candidate;
          return;
        }
        list += (list.empty() ? "" : ", ") + std::string(name_of(candidate));
      }
      refuse(within_ + name, "is '" + log::escaped(word) + "', which is none of " + list);
    });
  }
  template <class Item, class Convert>
  void to_list(const std::string& name, std::vector<Item>& to, const Convert& convert) {
    take(name, [&](const value& given) {
      if (!given.is_array()) refuse(within_ + name, "is no array");
      to.clear();
      for (const auto& item : given.get_array())
        to.push_back(convert(within_ + name + '[' + std::to_string(to.size()) + ']', item));
    });
  }
  template <class Use>
  void take(const std::string& name, const Use& use) {
    const auto* const found = rest_.if_contains(name);
    if (found == nullptr) return;
    use(*found);
    rest_.erase(name);
  }
  bool has(const std::string& name) const { return rest_.contains(name); }
  void end() const {
    if (!rest_.empty())
      refuse(within_ + log::escaped(std::string_view(rest_.begin()->key())), "is unknown");
  }

  static std::string as_text(const std::string& field, const value& given) {
    auto text = as_bytes(field, given);
    if (text.find('\0') != std::string::npos) refuse(field, "contains a NUL byte");
    return text;
  }
  static std::string as_bytes(const std::string& field, const value& given) {
    if (!given.is_string()) refuse(field, "is no text");
    auto text = log::unescaped(std::string_view(given.get_string()));
    if (!text) refuse(field, "has a backslash that begins no escape: write \\\\ for one");
    return std::move(*text);
  }
  template <class Number>
  static Number as_number(const std::string& field, const value& given, std::int64_t least,
                          std::int64_t most) {
    boost::json::error_code error;
    const auto number = given.to_number<std::int64_t>(error);
    const bool is_whole = given.is_int64() || given.is_uint64();
    if (error || !is_whole || number < least || number > most)
      refuse(field,
             "is no whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return static_cast<Number>(number);
  }

 private:
  static std::string_view name_of(log::Level level) { return log::to_string(level); }
  template <class Value>
  static std::string_view name_of(Value given) {
    return to_string(given);
  }

  std::string within_;
  object rest_;
};

Place as_place(const std::string& field, const value& given) {
  const auto text = Fields::as_text(field, given);
  const auto colon = text.find(':');
  const auto moment = text.substr(0, colon);
  if (colon == std::string::npos || colon + 1 == text.size() ||
      (moment != "before" && moment != "after"))
    refuse(field, "is '" + log::escaped(text) + "', and not before:PHASE or after:PHASE");
  if (text == "after:start") refuse(field, "is after:start, where the new system has the machine");
  return {moment == "before" ? Moment::before : Moment::after, text.substr(colon + 1)};
}

Hook as_hook(const std::string& field, const value& given) {
  Fields fields(given, field);
  Hook hook;
  if (!fields.has("at") || !fields.has("arguments")) refuse(field, "lacks at or arguments");
  fields.take("at", [&](const value& at) { hook.at = as_place(field + ".at", at); });
  fields.texts("arguments", hook.arguments);
  fields.truth("must_succeed", hook.must_succeed);
  fields.end();
  return hook;
}

/// The highest one says "unchanged" to setresuid(2).
constexpr std::int64_t most_32 = std::numeric_limits<std::uint32_t>::max() - 1;

Credentials as_user(const std::string& field, const value& given) {
  Fields fields(given, field);
  Credentials user;
  fields.number("uid", user.uid, 0, most_32);
  fields.number("gid", user.gid, 0, most_32);
  fields.to_list("groups", user.groups, [](const std::string& name, const value& group) {
    return Fields::as_number<std::uint32_t>(name, group, 0, most_32);
  });
  fields.end();
  return user;
}

Network as_network(const value& given) {
  if (given.is_null()) return {};
  Fields fields(given, "network");
  Network network;
  fields.to_list("messages", network.messages, Fields::as_bytes);
  fields.texts("settings", network.settings);
  fields.texts("name_servers", network.name_servers);
  fields.texts("search_domains", network.search_domains);
  fields.texts("given_up", network.given_up);
  fields.take("client", [&](const value& client) {
    if (!client.is_null()) network.client = Fields::as_text("network.client", client);
  });
  fields.end();
  return network;
}

Companion as_companion(const std::string& field, const value& given) {
  Fields fields(given, field);
  Companion companion;
  fields.text("name", companion.name);
  fields.text("root", companion.root);
  fields.texts("arguments", companion.arguments);
  fields.end();
  return companion;
}

/// What a payload could not use.
void check_texts(const Plan& plan) {
  for (const auto& variable : plan.environment) {
    if (const auto equals = variable.find('='); equals == 0 || equals == std::string::npos)
      refuse("environment", "has '" + log::escaped(variable) + "', which is not NAME=VALUE");
  }
  if (!plan.console.empty() && !log::is_terminal_name(plan.console))
    refuse("console", "is '" + log::escaped(plan.console) + "', and not a name below /dev");
  for (const auto& text : plan.log_to) {
    if (!log::parse_destination(text))
      refuse("log_to", "has '" + log::escaped(text) + "': see --log-to in dboot-inject(8)");
  }
}

}  // namespace

object to_json(const Plan& plan) {
  return {{"scope", to_string(plan.scope)},
          {"executable", json_text(plan.executable)},
          {"arguments", json_texts(plan.arguments)},
          {"environment", json_texts(plan.environment)},
          {"working_directory", json_text(plan.working_directory)},
          {"user", user(plan.credentials)},
          {"start", to_string(plan.start)},
          {"stop_signal", plan.stop_signal},
          {"on_exit", to_string(plan.on_exit)},
          {"on_failure", to_string(plan.on_failure)},
          {"grace_ms", plan.grace.count()},
          {"console", json_text(plan.console)},
          {"hostname", plan.hostname.empty() ? value() : value(json_text(plan.hostname))},
          {"log_level", log::to_string(plan.log_level)},
          {"disk_log", plan.disk_log},
          {"log_to", json_texts(plan.log_to)},
          {"hooks", hooks(plan.hooks)},
          {"hook_timeout_ms", plan.hook_timeout.count()},
          {"breakpoints", places(plan.breakpoints)},
          {"break_timeout_ms", plan.break_timeout.count()},
          {"on_break", to_string(plan.on_break)},
          {"require_release", plan.require_release},
          {"keep_network", plan.keep_network},
          {"network", network_of(plan.network)},
          {"flush_firewall", plan.flush_firewall},
          {"companions", companions(plan.companions)},
          {"caller", plan.caller},
          {"attachable", plan.attachable},
          {"confirm_within_ms", plan.confirm_within.count()},
          {"kept_mounts", json_texts(plan.kept_mounts)},
          {"began_ns", plan.began.count()},
          {"kernel_panic", plan.kernel_panic ? value(*plan.kernel_panic) : value()},
          {"injector_version", json_text(plan.injector_version)}};
}

Plan from_json(const value& document) {
  Fields fields(document, "");
  Plan plan;
  if (!fields.has("executable")) throw Error("the field executable is missing");
  fields.text("executable", plan.executable);
  plan.arguments = {plan.executable};
  fields.texts("arguments", plan.arguments);
  fields.texts("environment", plan.environment);
  fields.text("working_directory", plan.working_directory);
  fields.one_of("scope", plan.scope, {Scope::machine, Scope::in_namespace});
  fields.take("user", [&](const value& given) { plan.credentials = as_user("user", given); });
  fields.one_of("start", plan.start, {Start::exec, Start::supervise});
  constexpr int last_signal = 64;
  fields.number("stop_signal", plan.stop_signal, 1, last_signal);
  fields.one_of(
      "on_exit", plan.on_exit,
      {OnExit::automatic, OnExit::menu, OnExit::reboot, OnExit::poweroff, OnExit::restart});
  fields.one_of("on_failure", plan.on_failure, {OnFailure::shell, OnFailure::reboot});
  fields.milliseconds("grace_ms", plan.grace);
  fields.text("console", plan.console);
  fields.take("hostname", [&](const value& given) {
    plan.hostname = given.is_null() ? "" : Fields::as_text("hostname", given);
  });
  using log::Level;
  fields.one_of("log_level", plan.log_level,
                {Level::trace, Level::debug, Level::info, Level::warning, Level::error});
  fields.truth("disk_log", plan.disk_log);
  fields.texts("log_to", plan.log_to);
  fields.to_list("hooks", plan.hooks, as_hook);
  fields.milliseconds("hook_timeout_ms", plan.hook_timeout);
  fields.to_list("breakpoints", plan.breakpoints, as_place);
  fields.milliseconds("break_timeout_ms", plan.break_timeout);
  fields.one_of("on_break", plan.on_break, {OnBreak::go_on, OnBreak::reboot});
  fields.truth("require_release", plan.require_release);
  fields.truth("keep_network", plan.keep_network);
  fields.truth("flush_firewall", plan.flush_firewall);
  fields.to_list("companions", plan.companions, as_companion);
  fields.truth("attachable", plan.attachable);
  fields.milliseconds("confirm_within_ms", plan.confirm_within);
  fields.texts("kept_mounts", plan.kept_mounts);
  fields.number("caller", plan.caller, 0, std::numeric_limits<std::int32_t>::max());
  fields.take("network", [&](const value& given) { plan.network = as_network(given); });
  std::int64_t began = 0;
  fields.number("began_ns", began, 0, std::numeric_limits<std::int64_t>::max());
  plan.began = std::chrono::nanoseconds(began);
  fields.take("kernel_panic", [&](const value& given) {
    if (given.is_null()) return;
    // The lowest one stands for none.
    plan.kernel_panic =
        Fields::as_number<int>("kernel_panic", given, std::numeric_limits<int>::min() + 1,
                               std::numeric_limits<int>::max());
  });
  fields.text("injector_version", plan.injector_version);
  fields.end();
  check_texts(plan);
  return plan;
}

}  // namespace dboot::plan
