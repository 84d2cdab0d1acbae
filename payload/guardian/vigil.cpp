#include "payload/guardian/vigil.hpp"

#include <algorithm>

#include "shared/text/duration.hpp"

namespace dboot::guardian {
namespace {

constexpr std::string_view extend = "extend ";
constexpr std::string_view obeyed = "yes ";
constexpr std::string_view refused = "no ";

/// Whole minutes, but for the last one: what is shown is not to change every second.
std::chrono::seconds roughly(std::chrono::seconds time) {
  using std::chrono::minutes;
  return time <= minutes(1) ? time : std::chrono::ceil<minutes>(time);
}

}  // namespace

std::string encode(const Request& request) {
  switch (request.kind) {
    case Request::Kind::confirm:
      return "confirm";
    case Request::Kind::extend:
      return std::string(extend) + std::to_string(request.by.count());
    case Request::Kind::back:
      return "back";
    default:
      return "status";
  }
}

std::optional<Request> decode_request(std::string_view line) {
  using Kind = Request::Kind;
  if (line == "confirm") return Request{Kind::confirm};
  if (line == "status") return Request{Kind::status};
  if (line == "back") return Request{Kind::back};
  if (!line.starts_with(extend)) return std::nullopt;
  const auto by = parse_duration(line.substr(extend.size()));
  if (!by) return std::nullopt;
  return Request{Kind::extend, *by};
}

std::string encode(const Answer& answer) {
  return std::string(answer.is_obeyed ? obeyed : refused) + answer.words;
}

std::optional<Answer> decode_answer(std::string_view line) {
  for (const auto begin : {obeyed, refused}) {
    if (line.starts_with(begin))
      return Answer{begin == obeyed, std::string(line.substr(begin.size()))};
  }
  return std::nullopt;
}

std::chrono::seconds Vigil::left(Time now) const {
  if (state_ != State::waiting) return std::chrono::seconds(0);
  return std::chrono::ceil<std::chrono::seconds>(std::max(deadline_ - now, Time::duration(0)));
}

std::string Vigil::status(Time now) const {
  switch (state_) {
    case State::confirmed:
      return "confirmed: the new system stays";
    case State::going_back:
      return "the machine reboots into the system on its disk";
    case State::relieved:
      return "the takeover has failed, and leads back by itself";
    case State::disarmed:
      return "not confirmed, and the machine does not reboot by itself: what the old system needs "
             "to "
             "start has changed (" +
             changed_ + ")";
    default:
      return "not confirmed: the machine reboots into the system on its disk in " +
             in_words(left(now));
  }
}

Answer Vigil::obey(const Request& request, Time now) {
  if (request.kind == Request::Kind::status) return {true, status(now)};
  if (state_at(now) == State::going_back || state_ == State::confirmed)
    return {state_ == State::confirmed && request.kind == Request::Kind::confirm, status(now)};
  if (state_ == State::relieved) return {false, status(now)};
  switch (request.kind) {
    case Request::Kind::confirm:
      state_ = State::confirmed;
      break;
    case Request::Kind::extend:
      if (state_ != State::waiting) return {false, status(now)};
      deadline_ = now + request.by;
      break;
    default:
      state_ = State::going_back;
      is_asked_to_go_ = true;
      reason_ = "asked for by dboot-confirm --now-back";
  }
  return {true, status(now)};
}

bool Vigil::note_change(const std::string& devices) {
  if (state_ != State::waiting && !goes_by_itself()) return false;
  state_ = State::disarmed;
  changed_ = devices;
  return true;
}

Vigil::State Vigil::state_at(Time now) {
  if (state_ == State::waiting && now >= deadline_) {
    state_ = State::going_back;
    reason_ = "nobody has confirmed in time";
  }
  return state_;
}

std::string Vigil::message_of_the_day(Time now) const {
  switch (state_) {
    case State::waiting:
      return "This system is not confirmed: in " + in_words(roughly(left(now))) +
             " the machine reboots into the one on its disk.\n"
             "To keep this one, type dboot-confirm (--extend 30m for more time, --now-back).\n";
    case State::disarmed:
      return "This system is not confirmed, and what the old one needs to start has changed (" +
             changed_ +
             "):\nthe machine does not reboot by itself. Type dboot-confirm, or dboot-confirm "
             "--now-back.\n";
    default:
      return "";
  }
}

}  // namespace dboot::guardian
