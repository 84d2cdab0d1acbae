#include "payload/console/prompt.hpp"

#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <utility>

#include "payload/children/fork.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int attempts = 10;
constexpr std::chrono::seconds between_attempts{1};

/// The terminal is as before when the key has come. At the end of the terminal there is none.
[[noreturn]] void be_child(int terminal, int answer, const std::string& question) {
  termios before{};
  ::tcgetattr(terminal, &before);
  termios by_key = before;
  by_key.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  ::tcsetattr(terminal, TCSANOW, &by_key);
  char key = 0;
  const bool pressed =
      ::write(terminal, question.data(), question.size()) >= 0 && ::read(terminal, &key, 1) == 1;
  ::tcsetattr(terminal, TCSANOW, &before);
  ::_exit(pressed && ::write(answer, &key, 1) == 1 ? 0 : 1);
}

Task<> pause() {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, between_attempts);
  co_await timer.async_wait(boost::asio::use_awaitable);
}

}  // namespace

/// Shared with the task that asks, which may be waiting when the prompt goes.
struct Prompt::State {
  Children& children;
  Open open;
  Condition& changed;
  std::string question;
  pid_t child = 0;
  std::optional<char> key;
  bool lost = false;
  bool over = false;
};

/// Empty when the terminal has hung up.
Task<std::optional<char>> Prompt::ask_once(std::shared_ptr<State> state, UniqueFd terminal) {
  std::array<int, 2> ends{};
  sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
  boost::asio::posix::stream_descriptor answer(co_await boost::asio::this_coro::executor, ends[0]);
  UniqueFd theirs(ends[1]);
  state->child = fork_child("a question", {terminal.get(), theirs.get()},
                            [&] { be_child(terminal.get(), theirs.get(), state->question); });
  state->children.add(state->child, Children::Kind::helper);
  terminal.reset();
  theirs.reset();
  // See Patience::wait().
  do {
    co_await answer.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                               boost::asio::use_awaitable);
  } while (!sys::is_readable(answer.native_handle()));
  char key = 0;
  if (::read(answer.native_handle(), &key, 1) != 1) co_return std::nullopt;
  co_return key;
}

Task<> Prompt::ask(std::shared_ptr<State> state) {
  for (int failures = 0; !state->over;) {
    bool failed = true;
    try {
      auto opening = state->open();
      UniqueFd terminal = co_await std::move(opening);
      if (state->over) co_return;
      if (terminal) {
        const auto began = Clock::now();
        auto asking = ask_once(state, std::move(terminal));
        state->key = co_await std::move(asking);
        failed = !state->key && Clock::now() - began < between_attempts;
      }
    } catch (const std::exception&) {
      // No process could be made.
    }
    failures = failed ? failures + 1 : 0;
    state->lost = failures == attempts;
    if (state->over) co_return;
    if (state->key || state->lost) {
      state->changed.notify();
      co_return;
    }
    co_await pause();
  }
}

Prompt::Prompt(Children& children, const boost::asio::any_io_executor& executor, Open open,
               Condition& changed, std::string question)
    : state_(std::make_shared<State>(
          State{children, std::move(open), changed, std::move(question), 0, {}, false, false})) {
  boost::asio::co_spawn(executor, ask(state_), boost::asio::detached);
}

Prompt::~Prompt() {
  state_->over = true;
  if (state_->children.contains(state_->child)) ::kill(state_->child, SIGKILL);
}

std::optional<char> Prompt::key() const noexcept {
  return state_->key;
}

bool Prompt::is_lost() const noexcept {
  return state_->lost;
}

}  // namespace dboot
