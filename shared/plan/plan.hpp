#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "shared/log/record.hpp"

/// The plan is the contract between the two programs: everything that dboot-init is told.
///
/// A plan file is a header of 24 bytes, little-endian, and a FlatBuffer (schema:
/// shared/plan/plan.fbs):
///
///     offset  size  what
///          0     8  "DBOOTPLN"
///          8     2  major version: a payload refuses one that it does not know
///         10     2  minor version: fields were added; older payloads may ignore them
///         12     4  CRC-32C of all other bytes of the file
///         16     8  length of the FlatBuffer in bytes
///         24        the FlatBuffer
namespace dboot {

enum class Scope : std::uint8_t { machine, in_namespace };
enum class Start : std::uint8_t { exec, supervise };
enum class OnExit : std::uint8_t { automatic, menu, reboot, poweroff, restart };
enum class OnFailure : std::uint8_t { shell, reboot };

/// Who executes a program, by the numbers of the new root.
struct Credentials {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  ///< supplementary

  bool operator==(const Credentials&) const = default;
};

enum class Moment : std::uint8_t { before, after };
enum class OnBreak : std::uint8_t { go_on, reboot };

/// Between two phases of the payload.
struct Place {
  Moment moment = Moment::before;
  std::string phase;

  bool operator==(const Place&) const = default;
};
/// "before:release".
std::string to_string(const Place& place);

/// A program that somebody has put in there.
struct Hook {
  Place at;
  std::vector<std::string> arguments;  ///< argv; argv[0] is the path of the program
  bool must_succeed = false;           ///< when it fails, the takeover fails

  bool operator==(const Hook&) const = default;
};

/// What there was of the network before the takeover.
struct Network {
  std::vector<std::string> messages;  ///< of rtnetlink(7), as the kernel gave them
  std::vector<std::string> settings;  ///< below /proc/sys/net: "ipv6/conf/eth0/accept_ra=1"
  std::vector<std::string> name_servers;
  std::vector<std::string> search_domains;
  std::vector<std::string> given_up;  ///< addresses that are another host's from now on
  std::string client;  ///< the address that the caller's ssh session comes from; empty: none

  bool operator==(const Network&) const = default;
};

/// A program that lives on beside the command, such as an ssh server.
struct Companion {
  std::string name;                    ///< as the log calls it
  std::string root;                    ///< its root directory, below layout::directory
  std::vector<std::string> arguments;  ///< argv; argv[0] is the path of the program in there

  bool operator==(const Companion&) const = default;
};

struct Plan {
  Scope scope = Scope::machine;
  std::string executable;              ///< absolute path inside the new root
  std::vector<std::string> arguments;  ///< argv, at least argv[0]
  std::vector<std::string> environment;
  std::string working_directory = "/";  ///< inside the new root
  Start start = Start::supervise;
  OnExit on_exit = OnExit::automatic;
  OnFailure on_failure = OnFailure::shell;
  OnBreak on_break = OnBreak::go_on;  ///< when nobody has left a breakpoint in its time
  log::Level log_level = log::Level::info;
  std::chrono::milliseconds grace{10'000};  ///< from SIGTERM to SIGKILL, at most; below 2^32 ms
  std::string console = "auto";             ///< "auto", "none", or a terminal's name below /dev
  std::string hostname;                     ///< empty: unchanged
  std::chrono::nanoseconds began{0};        ///< CLOCK_MONOTONIC; 0: when the payload starts
  std::optional<int> kernel_panic;          ///< sysctl to put back at hand-over
  std::string injector_version;
  Credentials credentials;                         ///< who executes the command
  std::uint8_t stop_signal = 15;                   ///< asks a supervised command to end; 1 to 64
  bool disk_log = true;                            ///< a copy of the log on the old system's disk
  std::vector<std::string> log_to;                 ///< more copies, see shared/log/destination.hpp
  std::vector<Hook> hooks;                         ///< in the order in which they are run
  std::chrono::milliseconds hook_timeout{60'000};  ///< for each of them; below 2^32 ms
  std::vector<Place> breakpoints;                  ///< a shell on the console there
  std::chrono::milliseconds break_timeout{600'000};  ///< of each of them; below 2^32 ms
  Network network;                    ///< what is brought back of it where it is gone
  std::vector<Companion> companions;  ///< started before the command
  /// Shows a person how it goes, and ends last, with its ancestors; 0: nobody.
  std::uint32_t caller = 0;
  bool attachable = false;    ///< a supervised command's terminal is one that others may attach to
  bool keep_network = false;  ///< what configures the network takes nothing of it along
  bool flush_firewall = false;   ///< its rules go
  bool require_release = false;  ///< it fails while a disk of the old system is busy
  /// Mount points of the old system that are the new one's, too, at the same paths.
  std::vector<std::string> kept_mounts;
  /// After which the machine reboots, unless somebody has confirmed; below 2^32 ms; 0: it does not.
  std::chrono::milliseconds confirm_within{0};

  bool operator==(const Plan&) const = default;
};

namespace plan {

inline constexpr std::uint16_t major_version = 1;
inline constexpr std::uint16_t minor_version = 8;

/// Why a plan was refused, in words for the console.
class Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The bytes of a plan file.
std::vector<std::uint8_t> encode(const Plan& plan);

/// Reads and checks a plan file. Throws Error for whatever is not a plan that this version
/// understands: truncated, damaged, another major version, missing or impossible values.
Plan decode(std::span<const std::uint8_t> file);

/// As a plan is described, and as the command line has them.
std::string_view to_string(Scope scope);
std::string_view to_string(Start start);
std::string_view to_string(OnExit on_exit);
std::string_view to_string(OnFailure on_failure);
std::string_view to_string(OnBreak on_break);

/// One `field: value` line per field, for --dry-run.
std::string describe(const Plan& plan);
/// The same for a log: without the environment, which may hold secrets.
std::vector<log::Fact> facts(const Plan& plan);

}  // namespace plan
}  // namespace dboot
