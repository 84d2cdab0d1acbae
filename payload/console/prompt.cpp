#include "payload/console/prompt.hpp"

#include <termios.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <utility>

namespace dboot {

/// Shared with the handler, which may be queued when the prompt goes.
struct Prompt::State : std::enable_shared_from_this<State> {
  State(const boost::asio::any_io_executor& executor, int fd, Condition& event)
      : terminal(executor, fd), changed(event) {}

  void listen() {
    terminal.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        [self = shared_from_this()](const boost::system::error_code& cancelled) {
                          char pressed = 0;
                          if (cancelled || ::read(self->terminal.native_handle(), &pressed, 1) != 1)
                            return;
                          self->key = pressed;
                          self->changed.notify();
                          self->listen();
                        });
  }

  boost::asio::posix::stream_descriptor terminal;
  Condition& changed;
  termios before{};
  std::optional<char> key;
};

Prompt::Prompt(const boost::asio::any_io_executor& executor, UniqueFd terminal, Condition& changed,
               std::string_view question)
    : state_(std::make_shared<State>(executor, terminal.release(), changed)) {
  const int fd = state_->terminal.native_handle();
  ::tcgetattr(fd, &state_->before);
  termios by_key = state_->before;
  by_key.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  ::tcsetattr(fd, TCSANOW, &by_key);
  [[maybe_unused]] const auto written = ::write(fd, question.data(), question.size());
  state_->listen();
}

Prompt::~Prompt() {
  ::tcsetattr(state_->terminal.native_handle(), TCSANOW, &state_->before);
  state_->terminal.close();
}

std::optional<char> Prompt::take_key() {
  return std::exchange(state_->key, std::nullopt);
}

}  // namespace dboot
