#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "payload/devices/device_nodes.hpp"
#include "payload/guardian/old_disks.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::guardian {

/// What a guardian is given.
struct Charge {
  std::chrono::seconds within{0};  ///< until it goes back
  bool pid_1_obeys = false;        ///< the payload is PID 1, and ends the machine in good order
  std::chrono::seconds patience_with_pid_1{0};  ///< how long that may take
  std::optional<int> kernel_panic;              ///< sysctl, put back when somebody has confirmed
  std::vector<std::string> devices;             ///< of the old system
  std::vector<Mark> marks;                      ///< of them, when they were let go of
  std::uint64_t writes = 0;                     ///< to them, by then
  std::vector<std::string> watchdogs;           ///< names below /dev that it feeds
  std::chrono::nanoseconds began{0};            ///< of the record (CLOCK_MONOTONIC)
  UniqueFd listener;                            ///< layout::guardian_socket
  UniqueFd directory;                           ///< layout::directory
  UniqueFd told;                                ///< a pipe to PID 1
};

/// What it tells PID 1, a letter each: that the watchdogs are fed, behind which the names of those
/// come that could be opened, and a newline; and that the machine does not reboot by itself any
/// more.
inline constexpr char is_ready = 'r';
inline constexpr char is_disarmed = 'd';

/// What PID 1 tells it, by signals: that the new system is started, and that the takeover has
/// failed.
inline constexpr int new_system_starts = 10;    // SIGUSR1
inline constexpr int takeover_has_failed = 12;  // SIGUSR2

/// Stays until somebody has confirmed, and longer where a watchdog cannot be stopped; or reboots
/// the machine. For a process of its own, which it makes one that nobody ends by mistake: no signal
/// but SIGKILL, no lack of memory, no shutdown of systemd's, no mount of the new system's. Whoever
/// kills it leaves watchdogs that nobody feeds. Never returns.
[[noreturn]] void watch(Charge charge, const DeviceNodes& devices) noexcept;

}  // namespace dboot::guardian
