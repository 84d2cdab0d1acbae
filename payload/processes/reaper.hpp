#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <map>

namespace dboot {

/// PID 1 is the parent of every orphan: collects all children that end, and hands their wait status
/// to whoever waits for one.
class Reaper {
 public:
  explicit Reaper(const boost::asio::any_io_executor& executor);
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  /// Calls `ended` with the wait status of `pid`, once. To be called right after the fork, before
  /// the next co_await.
  void watch(pid_t pid, std::function<void(int)> ended);
  /// How many processes were collected.
  unsigned long collected() const noexcept { return collected_; }

 private:
  void listen();
  void sweep();

  boost::asio::signal_set signals_;
  std::map<pid_t, std::function<void(int)>> watched_;
  unsigned long collected_ = 0;
};

}  // namespace dboot
