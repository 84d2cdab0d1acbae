#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "injector/from_host/host_files_wanted.hpp"
#include "injector/hooks.hpp"
#include "injector/image/overrides.hpp"
#include "injector/image/source.hpp"
#include "shared/log/log.hpp"
#include "shared/plan/plan.hpp"

namespace dboot {

/// What the command line says.
struct Options {
  std::vector<std::string> defaults;  ///< options that a file has set: "--grace=5s"

  std::string image;
  std::vector<std::string> command;  ///< COMMAND and its arguments; empty: what the image says

  bool yes = false;
  bool force = false;
  bool dry_run = false;
  bool json = false;  ///< how a dry run tells what it has found
  bool rehearse = false;
  bool doctor = false;  ///< looks at the machine alone; `image` may be empty

  /// Whether a rehearsed COMMAND has a terminal: -t, -T. Automatic: where stdin and stdout are
  /// ones.
  enum class Terminal : std::uint8_t { automatic, yes, no };
  Terminal terminal = Terminal::automatic;

  ImageOverrides overrides;  ///< --entrypoint, --env, --workdir
  std::string user;          ///< --user, "user[:group]"; empty: root

  rootfs::HostFilesWanted host_files;  ///< --modules, --firmware, --copy

  std::optional<Start> start;  ///< --init; empty: auto
  OnExit on_exit = OnExit::automatic;
  OnFailure on_failure = OnFailure::shell;
  bool require_release = false;
  std::vector<std::string> keep;  ///< mount points, absolute paths
  /// --keep-network. Automatic: unless the caller sits at a console of the machine.
  enum class Keep : std::uint8_t { automatic, yes, no };
  Keep keep_network = Keep::automatic;
  enum class Firewall : std::uint8_t { keep, flush };
  Firewall firewall = Firewall::keep;
  std::optional<std::uint16_t> rescue_port;  ///< where the host's ssh server listens, too
  bool renew = false;                        ///< by the image's own client
  bool write_network = false;                ///< also as the configuration of the image
  /// --keep-ssh, --no-ssh. Automatic: where the network is kept, and there is a server.
  Keep keep_ssh = Keep::automatic;
  /// --confirm-within; 0 for "no". Empty: ten minutes for who has come over ssh.
  std::optional<std::chrono::seconds> confirm_within;
  std::vector<std::string> ssh_keys;  ///< files of public keys that are let in, too
  std::chrono::milliseconds grace{10'000};
  std::string console = "auto";  ///< auto, none, or a terminal's name below /dev
  std::string hostname;          ///< empty: the host's stays

  std::vector<hooks::Wanted> hooks;
  std::chrono::milliseconds hook_timeout{60'000};
  std::vector<Place> breakpoints;
  std::chrono::milliseconds break_timeout{600'000};
  OnBreak on_break = OnBreak::go_on;  ///< when that is over
  std::string busybox;                ///< empty: the host's, where there is a static one

  std::string payload;      ///< empty: the one that belongs to this program
  std::string engine_host;  ///< empty: the engine's usual socket
  image::Pull pull = image::Pull::missing;
  std::uint64_t root_size = 0;  ///< bytes; 0: from the image and the memory of the machine
  log::Level log_level = log::Level::info;
  bool no_disk_log = false;
  std::vector<std::string> log_to;  ///< as log::parse_destination() takes them
  std::string save_log;  ///< where the record of a rehearsal is to be left; empty: nowhere
};

namespace options {

/// What to print and exit with instead of a takeover: for --help and --version (status 0) and for a
/// command line that cannot be understood (status 125).
struct Answer : std::runtime_error {
  Answer(const std::string& text, int exit_status) : runtime_error(text), status(exit_status) {}
  int status;
};

/// A command line that cannot be understood. what() is all of it, for a person.
struct Mistake : Answer {
  Mistake(std::string cause, std::string mend);
  std::string cause;
  std::string mend;
  bool as_json = false;  ///< --json was among the options
};

/// Parses the arguments with the grammar of `docker run`: options, then IMAGE, then everything else
/// is COMMAND, whatever it looks like; a `--` right behind IMAGE is dropped. What it leaves open is
/// as the file `defaults` sets it (defaults.hpp); empty: no file. Throws Answer.
Options parse(int argc, const char* const* argv, const std::string& defaults = {});

}  // namespace options
}  // namespace dboot
