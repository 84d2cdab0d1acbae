#include "injector/forecast/plan_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include "shared/log/record.hpp"

namespace dboot::forecast {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

/// "before:release".
array places(const std::vector<Place>& wanted) {
  array list;
  for (const auto& place : wanted) list.emplace_back(to_string(place));
  return list;
}

array hooks(const std::vector<Hook>& wanted) {
  array list;
  for (const auto& hook : wanted)
    list.push_back(object{{"at", to_string(hook.at)},
                          {"arguments", json_texts(hook.arguments)},
                          {"must_succeed", hook.must_succeed}});
  return list;
}

object user(const Credentials& credentials) {
  return {{"uid", credentials.uid},
          {"gid", credentials.gid},
          {"groups", array(credentials.groups.begin(), credentials.groups.end())}};
}

}  // namespace

boost::json::string json_text(std::string_view text) {
  boost::json::string escaped(log::escaped(text));
  return escaped;
}

array json_texts(const std::vector<std::string>& texts) {
  array list;
  for (const auto& text : texts) list.emplace_back(json_text(text));
  return list;
}

object json_of(const Plan& plan) {
  return {{"scope", plan::to_string(plan.scope)},
          {"executable", json_text(plan.executable)},
          {"arguments", json_texts(plan.arguments)},
          {"environment", json_texts(plan.environment)},
          {"working_directory", json_text(plan.working_directory)},
          {"user", user(plan.credentials)},
          {"start", plan::to_string(plan.start)},
          {"stop_signal", plan.stop_signal},
          {"on_exit", plan::to_string(plan.on_exit)},
          {"on_failure", plan::to_string(plan.on_failure)},
          {"grace_ms", plan.grace.count()},
          {"console", plan.console},
          {"hostname", plan.hostname.empty() ? value() : value(json_text(plan.hostname))},
          {"log_level", log::to_string(plan.log_level)},
          {"disk_log", plan.disk_log},
          {"log_to", json_texts(plan.log_to)},
          {"hooks", hooks(plan.hooks)},
          {"hook_timeout_ms", plan.hook_timeout.count()},
          {"breakpoints", places(plan.breakpoints)},
          {"break_timeout_ms", plan.break_timeout.count()},
          {"on_break", plan::to_string(plan.on_break)}};
}

}  // namespace dboot::forecast
