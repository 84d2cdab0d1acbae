#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "payload/children/children.hpp"
#include "payload/condition.hpp"
#include "payload/task.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// A question on a terminal that is answered with one key. A child asks it, for whoever writes to a
/// terminal may be stopped there (Ctrl-S, a serial line that nobody reads). A terminal that hangs
/// up is opened again a second later.
class Prompt {
 public:
  /// Opens the terminal: sane, blocking; empty when there is none.
  using Open = std::function<Task<UniqueFd>()>;

  /// `changed` is notified when a key was pressed, or the terminal is lost.
  Prompt(Children& children, const boost::asio::any_io_executor& executor, Open open,
         Condition& changed, std::string question);
  /// Asks no more.
  ~Prompt();
  Prompt(const Prompt&) = delete;
  Prompt& operator=(const Prompt&) = delete;

  /// The key that was pressed, if any.
  std::optional<char> key() const noexcept;
  /// True when the terminal could not be opened, or hung up at once, ten times in a row.
  bool is_lost() const noexcept;

 private:
  struct State;
  static Task<> ask(std::shared_ptr<State> state);
  static Task<std::optional<char>> ask_once(std::shared_ptr<State> state, UniqueFd terminal);
  std::shared_ptr<State> state_;
};

}  // namespace dboot
