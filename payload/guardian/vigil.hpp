#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

/// Whether a machine goes back to the system on its disk, and when: decisions alone.
namespace dboot::guardian {

/// What somebody asks for, by dboot-confirm.
struct Request {
  enum class Kind { confirm, extend, status, back };
  Kind kind = Kind::status;
  std::chrono::seconds by{0};  ///< from now on; of extend
};
/// A line, without its newline; and the other way round: empty when it is none.
std::string encode(const Request& request);
std::optional<Request> decode_request(std::string_view line);

struct Answer {
  bool is_obeyed = true;
  std::string words;
};
std::string encode(const Answer& answer);
std::optional<Answer> decode_answer(std::string_view line);

class Vigil {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class State {
    waiting,     ///< for somebody to confirm
    confirmed,   ///< the new system stays
    going_back,  ///< the machine is to reboot
    relieved,    ///< somebody else leads back
    disarmed,    ///< the old system may not start any more: it waits for an answer, without end
  };

  Vigil(Time now, std::chrono::seconds within)
      : within_(within), deadline_(now + within + std::chrono::hours(1)) {}

  Answer obey(const Request& request, Time now);

  /// Once the new system is started: the time begins anew, until then there is an hour more.
  void begin(Time now) { deadline_ = now + within_; }
  /// Somebody else leads back from here on: nothing is waited for any more.
  void relieve() {
    if (state_ == State::waiting) state_ = State::relieved;
  }

  /// Where the old system is not as it was, an automatic reboot would end in a dead machine.
  /// `devices`: "vda1, vda2". True when that disarms it, also in the last moment; not where
  /// somebody has asked to go back.
  bool note_change(const std::string& devices);

  /// At that time.
  State state_at(Time now);
  /// Until it goes back; 0 when it is not waiting.
  std::chrono::seconds left(Time now) const;
  /// It goes back, and nobody has asked for that: a change would keep it here.
  bool goes_by_itself() const { return state_ == State::going_back && !is_asked_to_go_; }
  /// Why it goes back.
  const std::string& reason() const noexcept { return reason_; }

  /// What a person is told at a login; empty when there is nothing to say.
  std::string message_of_the_day(Time now) const;

 private:
  std::string status(Time now) const;

  std::chrono::seconds within_;
  State state_ = State::waiting;
  Time deadline_;
  std::string reason_;
  bool is_asked_to_go_ = false;
  std::string changed_;  ///< devices of the old system
};

}  // namespace dboot::guardian
