#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/console/terminal_log.hpp"
#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// The terminals of the takeover: all consoles show the log, one of them is for a person.
class Console {
 public:
  /// `directory`: layout::directory, for the earlier lines of the log. `inherited`: what stood on 0
  /// to 2 when the payload began, for namespaces without a console of their own. `level`: of the
  /// lines that are shown.
  Console(Log& log, Children& children, const DeviceNodes& devices, Permissions permissions,
          const UniqueFd& directory, boost::asio::any_io_executor executor,
          std::vector<UniqueFd> inherited, Log::Level level)
      : log_(log),
        children_(children),
        devices_(devices),
        permissions_(permissions),
        directory_(directory),
        executor_(std::move(executor)),
        inherited_(std::move(inherited)),
        level_(level) {}

  /// Finds the consoles, brings the virtual terminal among them to the screen and lets the log go
  /// to all of them, and to the terminals of those names. `wanted`: the plan's console.
  Task<> start(const std::string& wanted, const std::vector<std::string>& also);

  /// The log comes back to those that do not show it, and the virtual terminal to the screen.
  Task<> restart();

  /// Until the terminals show every line, a second at most.
  Task<> show_all();
  /// After that the log leaves the terminals, which belong to the new system from now on.
  Task<> stop_log();

  /// The interactive terminal for a person's program: blocking, sane. Empty when there is none.
  Task<UniqueFd> open_interactive();
  /// Three descriptors for the stdio of a program: the terminal, or what was inherited, or
  /// /dev/null.
  Task<std::vector<UniqueFd>> open_stdio();

  /// How the terminal among these is set (terminal_settings::read); empty when there is none.
  Task<std::string> settings();
  /// Sets it so again.
  Task<> restore(std::string settings);

  bool shows_log() const noexcept;
  bool is_interactive() const noexcept { return !name_.empty(); }
  /// Its name below /dev; empty for none.
  const std::string& name() const noexcept { return name_; }
  /// For TERM.
  std::string terminal_type() const;

 private:
  enum class Settings { as_they_are, sane };
  Task<UniqueFd> open(std::string name, Settings settings);
  Task<> open_for_log(std::string name);
  Task<> show_log_on(std::string name);
  Task<> bring_to_screen();
  Task<> find_in_namespace(const std::string& wanted);
  Task<> show_log_on_inherited();
  std::string earlier_lines() const;

  Log& log_;
  Children& children_;
  const DeviceNodes& devices_;
  Permissions permissions_;
  const UniqueFd& directory_;
  boost::asio::any_io_executor executor_;
  std::vector<UniqueFd> inherited_;
  Log::Level level_;
  std::string name_;
  std::optional<Writer> inherited_log_;       ///< to what was inherited, where there is no console
  std::map<std::string, TerminalLog> shown_;  ///< by name, with those that could not be started
};

}  // namespace dboot
