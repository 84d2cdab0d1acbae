#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "payload/condition.hpp"
#include "payload/task.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// A question on a terminal that is answered with one key. The terminal is as before when the
/// object is gone.
class Prompt {
 public:
  /// Writes `question`. `changed` is notified when a key was pressed.
  Prompt(const boost::asio::any_io_executor& executor, UniqueFd terminal, Condition& changed,
         std::string_view question);
  ~Prompt();
  Prompt(const Prompt&) = delete;
  Prompt& operator=(const Prompt&) = delete;

  /// The key that was pressed since the last call, if any.
  std::optional<char> take_key();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace dboot
