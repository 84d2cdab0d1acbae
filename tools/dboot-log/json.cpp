#include "tools/dboot-log/json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "shared/log/json.hpp"
#include "tools/dboot-log/path.hpp"

namespace dboot {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

/// Fields may be added to it, and none is taken away or changes its meaning.
constexpr int format = 1;

value text_or_null(std::string_view text) {
  return text.empty() ? value() : value(json_text(text));
}

std::int64_t micros(Time time) {
  return time.count();
}

value micros(const std::optional<Time>& time) {
  return time ? value(micros(*time)) : value();
}

template <class List, class Convert>
array array_of(const List& list, const Convert& convert) {
  array result;
  for (const auto& item : list) result.emplace_back(convert(item));
  return result;
}

object json_of(const log::Record& record) {
  object facts;
  for (const auto& fact : record.facts) facts.emplace(fact.key, json_text(fact.value));
  return {{"at_us", micros(record.elapsed)},
          {"level", log::to_string(record.level)},
          {"phase", json_text(record.phase)},
          {"message", json_text(record.message)},
          {"facts", std::move(facts)}};
}

object json_of(const Records& records) {
  return {{"count", records.count},
          {"first",
           array_of(records.first, [](const log::Record& record) { return json_of(record); })}};
}

object json_of(const Account::Process& process) {
  return {{"pid", json_text(process.pid)},
          {"command", json_text(process.command)},
          {"asked_us", micros(process.asked)},
          {"ended_us", micros(process.ended)},
          {"killed", text_or_null(process.killed)}};
}

/// What has not ended.
object running(const Account::Process& process) {
  return {{"pid", json_text(process.pid)},
          {"command", json_text(process.command)},
          {"asked_us", micros(process.asked)}};
}

std::string_view name_of(Account::Phase::End end) {
  using End = Account::Phase::End;
  if (end == End::finished) return "finished";
  return end == End::failed ? "failed" : "open";
}

object json_of(const Account::Phase& phase) {
  return {{"name", json_text(phase.name)},   {"at", text_or_null(phase.at)},
          {"began_us", micros(phase.began)}, {"ended_us", micros(phase.ended)},
          {"end", name_of(phase.end)},       {"reason", text_or_null(phase.reason)},
          {"said", json_texts(phase.said)}};
}

object json_of(const path::Step& step) {
  return {{"phase", json_text(step.phase)},
          {"began_us", micros(step.began)},
          {"took_us", micros(step.took)},
          {"what", step.what}};
}

std::string_view name_of(Account::Outcome outcome) {
  using Outcome = Account::Outcome;
  switch (outcome) {
    case Outcome::started:
      return "started";
    case Outcome::failed:
      return "failed";
    case Outcome::ended:
      return "ended";
    case Outcome::not_taken:
      return "not taken";
    case Outcome::dry_run:
      return "dry run";
    default:
      return "unfinished";
  }
}

object json_of(const Comparison::Change& change) {
  return {{"name", json_text(change.name)},
          {"before_us", micros(change.before)},
          {"after_us", micros(change.after)}};
}

array changes(const std::vector<Comparison::Change>& list) {
  return array_of(list, [](const Comparison::Change& change) { return json_of(change); });
}

}  // namespace

std::string json(const Account& account) {
  const object document{
      {"format", format},
      {"version", DBOOT_VERSION},
      {"time", text_or_null(account.time)},
      {"image", text_or_null(account.image)},
      {"command", text_or_null(account.command)},
      {"scope", text_or_null(account.scope)},
      {"outcome", name_of(account.outcome)},
      {"reason", text_or_null(account.reason)},
      {"mend", text_or_null(account.mend)},
      {"command_ended", text_or_null(account.command_ended)},
      {"a_machine", text_or_null(account.a_machine)},
      {"last_us", micros(account.last)},
      {"no_return_us", micros(account.no_return)},
      {"pivot_us", micros(account.pivot)},
      {"phases",
       array_of(account.phases, [](const Account::Phase& phase) { return json_of(phase); })},
      {"critical_path",
       array_of(path::critical(account), [](const path::Step& step) { return json_of(step); })},
      {"processes",
       object{
           {"count", account.processes},
           {"killed", account.killed},
           {"slowest", array_of(account.slowest,
                                [](const Account::Process& process) { return json_of(process); })},
           {"running",
            array_of(account.running, [](const auto& entry) { return running(entry.second); })}}},
      {"freed", json_of(account.freed)},
      {"kept", json_of(account.kept)},
      {"busy", json_of(account.busy)},
      {"left_out", json_of(account.skipped)},
      {"waited", json_of(account.waited)},
      {"troubles", json_of(account.troubles)},
      {"failed_calls", json_of(account.failed_calls)},
      {"lines", account.lines},
      {"lines_lost", account.lines_lost},
      {"details", account.has_details}};
  return boost::json::serialize(document) + '\n';
}

std::string json(const Comparison& comparison) {
  const object document{{"format", format},
                        {"version", DBOOT_VERSION},
                        {"phases", changes(comparison.phases)},
                        {"processes", changes(comparison.processes)},
                        {"killed", json_texts(comparison.killed)},
                        {"new", array(comparison.troubles.begin(), comparison.troubles.end())},
                        {"gone", array(comparison.mended.begin(), comparison.mended.end())},
                        {"outcome_before", comparison.outcome_before},
                        {"outcome_after", comparison.outcome_after}};
  return boost::json::serialize(document) + '\n';
}

}  // namespace dboot
