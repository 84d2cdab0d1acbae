#include "payload/init/request_listener.hpp"

#include <signal.h>

#include <boost/asio/signal_set.hpp>

#include "payload/init/requests.hpp"
#include "shared/system/signals.hpp"

namespace dboot {

struct RequestListener::State {
  State(const boost::asio::any_io_executor& executor, Condition& to_notify, int stop_signal)
      : changed(to_notify), also(stop_signal), signals(executor) {
    for (const int signal : {SIGTERM, SIGUSR1, SIGUSR2, SIGINT, SIGPWR}) hear(signal);
    const bool can_be_heard = also != 0 && also != SIGKILL && also != SIGSTOP && also != SIGCHLD;
    if (can_be_heard && !is_usual(also)) hear(also);
  }

  static bool is_usual(int signal) {
    return signal == SIGTERM || signal == SIGUSR1 || signal == SIGUSR2 || signal == SIGINT ||
           signal == SIGPWR;
  }

  void hear(int signal) {
    signals.add(signal);
    restart_calls_after(signal);
  }

  Condition& changed;
  int also;
  boost::asio::signal_set signals;
  std::optional<Power> requested;
};

RequestListener::RequestListener(const boost::asio::any_io_executor& executor, Condition& changed,
                                 int also)
    : state_(std::make_shared<State>(executor, changed, also)) {
  listen(state_);
}

RequestListener::~RequestListener() = default;

void RequestListener::listen(const std::shared_ptr<State>& state) {
  // One that has come may be on its way when the object goes.
  const std::weak_ptr<State> lives = state;
  state->signals.async_wait([lives](const boost::system::error_code& cancelled, int signal) {
    const auto there = lives.lock();
    if (cancelled || !there) return;
    const bool own = signal == there->also && !State::is_usual(signal);
    const bool off = signal == SIGUSR2 || signal == SIGPWR || own;
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
    : context_(context), listener_(executor, changed, context.plan.stop_signal) {
  requests::admit(context.plan.stop_signal);
}

AdmittedRequests::~AdmittedRequests() {
  if (!context_.permissions.on_machine()) requests::keep_pending(context_.plan.stop_signal);
}

}  // namespace dboot
