#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "payload/children/pidfd.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// The processes that the payload has started itself, told from those of the old system. It reaps:
/// PID 1 is the parent of every orphan, collects all that end, and tells who waits for one of its
/// own.
class Children {
 public:
  enum class Kind : std::uint8_t {
    helper,     ///< forked for one step (payload/children/blocking.hpp)
    companion,  ///< lives on beside the sequence, with all its descendants: an ssh server
    program,    ///< ends together with the other processes: the command, a shell
  };
  /// Gets the wait status (wait(2)).
  using Ended = std::function<void(int status)>;

  /// `log`: where those say what they do that have no other, see blocking::run().
  Children(const boost::asio::any_io_executor& executor, Log& log);
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  /// To be called right after the fork, before the next co_await. Calls `ended` once; its pidfd
  /// tells the end too, for SIGCHLD may get lost and somebody waits.
  void add(pid_t pid, Kind kind, Ended ended = {});
  /// The caller is not interested in its end any more.
  void forget(pid_t pid);
  /// It ends together with the other processes from here on, and what has come from it.
  void spare_no_more(pid_t pid) noexcept;

  /// True until it has been reaped: its pid is another's afterwards.
  bool contains(pid_t pid) const noexcept { return running_.contains(pid); }
  /// True for what is not to be ended with the old system: helpers, companions and what has come
  /// from these. Reads /proc when there are companions.
  bool spares(pid_t pid) const;

  /// Helpers and companions, without what has come from these.
  std::vector<pid_t> spared() const;
  /// To all that spares() is true of.
  void send(int signal) const;

  Log& log() const noexcept { return log_; }

 private:
  struct Child {
    Kind kind;
    Ended ended;
    std::unique_ptr<Pidfd> pidfd;
  };

  void listen();
  void reap();
  bool is_companion(pid_t pid) const noexcept;

  boost::asio::any_io_executor executor_;
  Log& log_;
  boost::asio::signal_set signals_;
  std::map<pid_t, Child> running_;
};

}  // namespace dboot
