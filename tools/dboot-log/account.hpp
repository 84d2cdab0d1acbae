#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shared/log/record.hpp"

namespace dboot {

using Time = std::chrono::microseconds;

/// The first ones of a list that may be of any length.
struct Records {
  static constexpr std::size_t most = 1000;
  static constexpr std::size_t most_bytes = std::size_t{8} << 20U;
  void add(const log::Record& record);

  std::vector<log::Record> first;
  std::size_t count = 0;
  std::size_t bytes = 0;  ///< of their texts
};

/// What a takeover did, put together from its record. However long that is, this is not.
struct Account {
  /// A time in which nothing was written, and what ended it.
  struct Wait {
    Time began{0};
    Time took{0};
    std::string until;  ///< escaped, the beginning of it
  };
  /// A process of the old system.
  struct Process {
    std::string pid;
    std::string command;
    Time asked{0};
    Time ended{0};
    std::string killed;  ///< why; empty for one that has ended by itself
    Time took() const noexcept { return ended - asked; }
  };
  struct Phase {
    enum class End { open, finished, failed };
    std::string name;
    std::string at;  ///< of a hook or a breakpoint: "before:terminate"
    Time began{0};
    Time ended{0};  ///< where it has not said so, of the next phase's begin or the last line
    End end = End::open;
    std::string reason;             ///< why it has failed, or what was a warning of a hook
    std::vector<std::string> said;  ///< the last lines that a hook has written
    std::vector<Wait> waits;        ///< the longest ones, see path.hpp
    std::vector<Process> ends;      ///< those that it waited for one after the other
    std::string label() const { return at.empty() ? name : name + " " + at; }
  };
  enum class Outcome {
    unfinished,  ///< the record stops
    started,     ///< the new system has begun
    failed,
    ended,      ///< the new system has ended by the payload
    not_taken,  ///< nothing was replaced: the host is as it was
    dry_run,    ///< it was tried, and undone
  };

  std::string time;     ///< of the day, UTC, when it began; empty when its beginning is not there
  std::string image;    ///< as it was asked for
  std::string command;  ///< that the new system begins with
  std::string scope;    ///< machine or namespace
  Time last{0};         ///< of the last line
  Outcome outcome = Outcome::unfinished;
  std::string reason;  ///< of a failure
  std::string mend;
  std::string command_ended;      ///< how that command has ended: "exit status 3"
  std::string a_machine;          ///< what it would have done where this rehearsal has ended
  std::optional<Time> no_return;  ///< PID 1 has executed the payload
  std::optional<Time> pivot;
  std::vector<Phase> phases;  ///< at most Records::most
  std::vector<Process>
      slowest;  ///< of those that were ended, the slowest first, at most Records::most
  std::map<std::string, Process>
      running;                ///< by pid: asked, and not ended yet; at most Records::most
  std::size_t processes = 0;  ///< that were ended
  std::size_t killed = 0;
  Records freed;     ///< unmounted, detached, released
  Records kept;      ///< mounts that the new system has, too, and what they lie on
  Records busy;      ///< what stayed busy, and why
  Records skipped;   ///< what was not done
  Records waited;    ///< what took longer than a tenth of its time
  Records troubles;  ///< other warnings and errors
  Records failed_calls;
  std::size_t lines = 0;  ///< of the record, that were there
  std::size_t lines_lost =
      0;                      ///< by the numbers of lines that phases begin with, or as a copy says
  bool has_details = false;   ///< it is no copy for a screen, or of the kernel's log
  bool newer_format = false;  ///< of a version that this program does not know

  /// Whether the new system has begun.
  bool is_there() const noexcept;
  /// From the point of no return to the new system's start; all of it where that is not known.
  Time without_a_system() const noexcept;
};

/// Reads the records of a stream. Of several takeovers the last one is told.
class Teller {
 public:
  void tell(const log::Record& record);
  /// The account of all that was told; empty when there was none.
  std::optional<Account> finish();
  /// That were told before the last one.
  std::size_t earlier() const noexcept { return earlier_; }

 private:
  bool begins_anew(const log::Record& record) const;
  void begin(const log::Record& record);
  void note_wait(Account::Phase& phase, const log::Record& record) const;
  void note_late(const log::Record& record);
  void note_phase(const log::Record& record);
  void note_process(const log::Record& record);
  void note_hook(const log::Record& record);
  void note_outcome(const log::Record& record);
  void note_end_of_system(const log::Record& record);
  void note_failure_of_phase();
  void note_rest(const log::Record& record);

  Account account_;
  bool is_any_ = false;  ///< something was told
  log::Record before_;
  bool has_before_ = false;
  std::size_t earlier_ = 0;
  std::size_t missing_ = 0;  ///< lines, by the numbers that phases begin with
  bool is_whole_ = false;    ///< from its first line on
  bool has_begun_ = false;   ///< the phase has said so
};

/// "74.5ms", as the record has durations; empty when it is none.
std::optional<Time> parse_duration(std::string_view text);

/// "what happened (what about it)", in one line and escaped: a record for a person.
std::string words_of(const log::Record& record);

/// "the end of cron (pid 20)", and why it was killed; not escaped.
std::string end_of(const Account::Process& process);

}  // namespace dboot
