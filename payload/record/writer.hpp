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
#include "shared/log/sinks.hpp"

namespace dboot {

/// A child that gets the lines of the log, for a disk or a terminal that may not answer: what the
/// child does not take, the takeover does not wait for.
class Writer {
 public:
  /// In the child: takes lines from that socket until its end.
  using Work = std::function<void(int socket)>;

  /// What lines it gets, and how.
  struct Lines {
    Log::Level from = Log::Level::trace;
    std::string_view end = "\n";
    log::sinks::Behind behind = log::sinks::Behind::keep_all;
    int room = 0;  ///< of the socket, in bytes; 0 as the kernel has it
  };

  Writer(Log& log, Children& children, const boost::asio::any_io_executor& executor, Lines lines);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// First come the lines of `earlier`. After one that has ended unasked the new one goes on where
  /// that was. `what` names it in the error, `keep` is what it has of the parent's descriptors.
  /// Throws std::system_error.
  Task<> start(std::string what, std::vector<int> keep, Work work, std::string earlier = {});
  bool is_running() const noexcept { return pid_ != 0; }
  /// The end of the lines: waits for a second at most until all are taken, and returns how many
  /// have not even been sent. The child ends when it has written what it has.
  std::size_t finish();
  /// After finish(): until the child has ended. One that takes longer is killed, and false.
  Task<bool> wait_for_end(std::chrono::milliseconds most);

  /// As wait(2) has it, after its end.
  int status() const noexcept { return status_; }

 private:
  struct Timer;  // its header costs half a second a file

  void send_soon();
  void forget();

  Log& log_;
  Children& children_;
  Lines lines_;
  log::sinks::Sink sink_;
  std::unique_ptr<Timer> timer_;
  bool waits_ = false;  ///< to send what the sink holds
  pid_t pid_ = 0;
  int status_ = 0;
  Condition ended_;
};

}  // namespace dboot
