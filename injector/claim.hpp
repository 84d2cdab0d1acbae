#pragma once

#include <string>
#include <vector>

#include "shared/system/unique_fd.hpp"

/// Whether the system that this process lives in may be taken over, now. All of it is asked: from
/// within a chroot that of the caller and that of PID 1.
namespace dboot::claim {

struct Wishes {
  bool force = false;                      ///< goes on where only that is needed for it
  bool require_release = false;            ///< every disk is to come free
  bool keep_network = false;               ///< and with it the way to an ssh client
  std::vector<std::string> kept_mounts{};  ///< whose disks need not come free
};

/// Takes the lock that lets one takeover at a time go on; it is held until the descriptor is
/// closed. Throws Failure.
UniqueFd take(const Wishes& wishes);

/// To be asked once more when PID 1 is about to be changed: minutes of copying later somebody may
/// have forbidden it. Throws Failure.
void ask_again(const Wishes& wishes);

struct Refusal {
  std::string what;
  std::string mend;  ///< empty where there is none

  /// "what (to mend it: mend)".
  std::string text() const;
  bool operator==(const Refusal&) const = default;
};

/// What a takeover would be refused for; none when it would go on. `staged_payload`: the file that
/// PID 1 would execute, open.
std::vector<Refusal> refusals(const Wishes& wishes, int staged_payload);

}  // namespace dboot::claim
