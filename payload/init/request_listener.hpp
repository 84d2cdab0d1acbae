#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>

#include "payload/condition.hpp"
#include "payload/init/power.hpp"

namespace dboot {

/// Hears the signals that ask an init to end, as busybox's init takes them; its reboot, poweroff
/// and halt send them.
class RequestListener {
 public:
  /// `changed` is notified when one has come. `also` is heard too, as the machine's end; 0: none.
  RequestListener(const boost::asio::any_io_executor& executor, Condition& changed, int also = 0);
  ~RequestListener();
  RequestListener(const RequestListener&) = delete;
  RequestListener& operator=(const RequestListener&) = delete;

  /// The last one.
  std::optional<Power> requested() const noexcept;

 private:
  struct State;
  static void listen(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

/// The same for a while in the middle of the sequence, and with the signal that is to end the new
/// system: in a rehearsal those that have waited are heard now, and those that come later wait
/// again.
class AdmittedRequests {
 public:
  AdmittedRequests(const Context& context, const boost::asio::any_io_executor& executor,
                   Condition& changed);
  ~AdmittedRequests();
  AdmittedRequests(const AdmittedRequests&) = delete;
  AdmittedRequests& operator=(const AdmittedRequests&) = delete;

  std::optional<Power> requested() const noexcept { return listener_.requested(); }

 private:
  const Context& context_;
  RequestListener listener_;
};

}  // namespace dboot
