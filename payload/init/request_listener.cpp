#include "payload/init/request_listener.hpp"

#include <signal.h>

#include <boost/asio/signal_set.hpp>

#include "payload/init/requests.hpp"
#include "shared/system/signals.hpp"

namespace dboot {

struct RequestListener::State {
  State(const boost::asio::any_io_executor& executor, Condition& to_notify)
      : changed(to_notify), signals(executor, SIGTERM, SIGUSR1, SIGUSR2) {
    signals.add(SIGINT);
    signals.add(SIGPWR);
    for (const int signal : {SIGTERM, SIGUSR1, SIGUSR2, SIGINT, SIGPWR})
      restart_calls_after(signal);
  }

  Condition& changed;
  boost::asio::signal_set signals;
  std::optional<Power> requested;
};

RequestListener::RequestListener(const boost::asio::any_io_executor& executor, Condition& changed)
    : state_(std::make_shared<State>(executor, changed)) {
  listen(state_);
}

RequestListener::~RequestListener() = default;

void RequestListener::listen(const std::shared_ptr<State>& state) {
  // One that has come may be on its way when the object goes.
  const std::weak_ptr<State> lives = state;
  state->signals.async_wait([lives](const boost::system::error_code& cancelled, int signal) {
    const auto there = lives.lock();
    if (cancelled || !there) return;
    const bool off = signal == SIGUSR2 || signal == SIGPWR;
    there->requested = signal == SIGUSR1 ? Power::halt : off ? Power::off : Power::reboot;
    there->changed.notify();
    listen(there);
  });
}

std::optional<Power> RequestListener::requested() const noexcept {
  return state_->requested;
}

AdmittedRequests::AdmittedRequests(const Context& context,
                                   const boost::asio::any_io_executor& executor, Condition& changed)
    : context_(context), listener_(executor, changed) {
  requests::admit(context.plan.stop_signal);
}

AdmittedRequests::~AdmittedRequests() {
  if (!context_.permissions.on_machine()) requests::keep_pending(context_.plan.stop_signal);
}

}  // namespace dboot
