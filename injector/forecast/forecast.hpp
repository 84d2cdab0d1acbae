#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "injector/forecast/disks.hpp"
#include "injector/forecast/mounts.hpp"
#include "injector/forecast/network.hpp"
#include "injector/forecast/processes.hpp"
#include "injector/from_host/from_host.hpp"
#include "injector/payload_file.hpp"
#include "injector/ssh/keeping.hpp"
#include "shared/console/console_choice.hpp"
#include "shared/plan/plan.hpp"

/// What a takeover would do, for --dry-run.
namespace dboot::forecast {

/// What the takeover would find, and what becomes of it.
struct Host {
  std::string kernel;           ///< its release, which goes on running
  Disks disks;                  ///< none in a namespace, where no disk is let go of
  bool disks_are_known = true;  ///< there is a sysfs that has them
  Mounts mounts;
  Processes processes;
  ConsoleChoice consoles;
  Network network;
  bool ssh_session = false;  ///< who asks is logged in over ssh
};

/// In the way of coming back.
struct Obstacle {
  std::string what;
  std::string mend;  ///< a command; empty where there is none
};

struct Forecast {
  struct Image {
    std::string name;  ///< as the command line has it
    std::string description;
    std::string digest;       ///< empty where nothing names its content
    std::uint64_t bytes = 0;  ///< of its files; 0 when nobody knows
  };
  struct Memory {
    std::uint64_t available = 0;   ///< bytes, before the new root has been filled
    std::uint64_t root = 0;        ///< bytes that the filled root takes
    std::uint64_t root_limit = 0;  ///< bytes that it may grow to
  };

  std::vector<std::string> refusals;  ///< why a takeover would not begin, now
  Image image;
  Memory memory;
  std::vector<rootfs::Taken> from_host;
  payload_file::Payload payload;
  std::string busybox;  ///< the shell of last resort; empty where there is none
  Plan plan;
  std::optional<ssh::Kept> ssh;     ///< empty where nobody can log in over ssh by what is kept
  std::vector<Obstacle> obstacles;  ///< to coming back, where nobody confirms the new system
  std::optional<Host> host;         ///< empty for a rehearsal, which ends nothing of it
};

/// Looks at the system that this process lives in. Reads /proc, /sys and netlink, never a disk, and
/// asks no server. Throws std::system_error.
Host look_at_host(const Plan& plan);

/// For a person, before anything is done: of the memory that the image needs (`memory.root`), the
/// disks, what ends, the network, and `ssh->command`.
std::string summary(const Forecast& forecast);

/// For a person.
std::string text(const Forecast& forecast);
/// One object of JSON, in one line (dboot-dry-run(5)).
std::string json(const Forecast& forecast);

}  // namespace dboot::forecast
