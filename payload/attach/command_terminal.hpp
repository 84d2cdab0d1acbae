#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "payload/attach/relay.hpp"
#include "payload/children/children.hpp"
#include "payload/condition.hpp"
#include "payload/console/console.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// The terminal of a supervised command that others may attach to: a pseudo terminal, between which
/// and the console a child passes the bytes (payload/attach/relay.hpp). One that is killed has a
/// successor, which begins with an empty memory of what was put out.
class CommandTerminal {
 public:
  /// `directory`: layout::directory.
  CommandTerminal(Log& log, Children& children, Console& console, const UniqueFd& directory,
                  boost::asio::any_io_executor executor)
      : log_(log),
        children_(children),
        console_(console),
        directory_(directory),
        executor_(std::move(executor)) {}
  ~CommandTerminal();
  CommandTerminal(const CommandTerminal&) = delete;
  CommandTerminal& operator=(const CommandTerminal&) = delete;

  /// Three descriptors for the stdio of the command. Throws std::system_error.
  Task<std::vector<UniqueFd>> open();
  /// When the command has ended, or was not started: the console is free, and all has been shown
  /// that is to be. Does nothing where there is none.
  Task<> close();

 private:
  struct Relay {
    explicit Relay(const boost::asio::any_io_executor& executor) : ended(executor) {}

    attach::Ends ends;  ///< empty when it is to end
    pid_t pid = 0;      ///< 0: none runs
    int starts = 0;
    Condition ended;
  };

  pid_t start(const std::shared_ptr<Relay>& relay);
  void start_again(const std::shared_ptr<Relay>& relay);

  Log& log_;
  Children& children_;
  Console& console_;
  const UniqueFd& directory_;
  boost::asio::any_io_executor executor_;
  std::shared_ptr<Relay> relay_;
  /// As long as the command runs: one that closes its own is not to be hung up.
  UniqueFd slave_;
};

}  // namespace dboot
