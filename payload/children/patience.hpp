#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

#include "payload/task.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// Our side of a pipe or socket to a child, which may never say anything.
class Patience {
 public:
  /// Throws std::system_error.
  Patience(const boost::asio::any_io_executor& executor, UniqueFd fd);

  int fd() { return state_->descriptor.native_handle(); }
  /// Until there is something to read, or the end. False when nothing has come for as long as
  /// `most`.
  Task<bool> wait(std::chrono::milliseconds most);

 private:
  /// What the timer's handler touches, which may still be queued when the object has gone.
  struct State {
    explicit State(const boost::asio::any_io_executor& executor)
        : descriptor(executor), timer(executor) {}
    boost::asio::posix::stream_descriptor descriptor;
    boost::asio::steady_timer timer;
    bool late = false;
  };

  std::shared_ptr<State> state_;
};

}  // namespace dboot
