#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/condition.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"
#include "shared/log/stream.hpp"

namespace dboot {

/// A child that gets the lines of the log, for a disk or a terminal that may not answer: what the
/// child does not take, the takeover does not wait for. What comes while there is no child is kept
/// for the next.
class Writer {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  /// In the child: takes lines from that socket until its end, see log::take_lines().
  using Work = std::function<void(int socket)>;

  /// From here on it gets the lines from that level on; first come those of `earlier`.
  Writer(Log& log, Children& children, const boost::asio::any_io_executor& executor,
         Log::Level from, log::Stream::Lines lines, std::string_view earlier);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// A child that goes on where the last one, which must have ended, has left off. `what` names it
  /// in the error, `keep` is what it has of the parent's descriptors. Throws std::system_error.
  Task<> start(std::string what, std::vector<int> keep, Work work);
  bool is_running() const noexcept { return pid_ != 0; }

  /// Until the child has taken all lines, at most until `end`.
  Task<> settle(TimePoint end);
  /// The child gets no more lines, and ends when it has written what it has. Waits as settle()
  /// does, and returns how many lines are missing.
  Task<std::size_t> close(TimePoint end);
  /// After close(): until the child has ended. One that takes longer is killed, and false.
  Task<bool> wait_for_end(TimePoint end);

  /// As wait(2) has it, after its end.
  int status() const noexcept { return status_; }

 private:
  struct Timer;  // its header costs half a second a file

  void send_soon();
  void forget();

  Log& log_;
  Children& children_;
  log::Stream stream_;
  std::shared_ptr<Timer> timer_;
  bool waits_ = false;  ///< to send what the stream holds back
  pid_t pid_ = 0;
  int status_ = 0;
  Condition ended_;
};

}  // namespace dboot
