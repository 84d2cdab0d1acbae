#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "injector/target.hpp"

/// What execve(2) keeps of PID 1, and nothing gives back: the new system has it, too.
namespace dboot::confinement {

enum class Weight : std::uint8_t {
  warns,          ///< somebody may miss something in the new system
  may_be_forced,  ///< a takeover might fail on its way: refused, unless --force
  rules_it_out,   ///< a takeover cannot be carried out
};

struct Remark {
  Weight weight = Weight::warns;
  std::string what;
  std::string mend;

  bool operator==(const Remark&) const = default;
};

/// Of the text of /proc/PID/status. `last_capability`: the kernel's last one
/// (/proc/sys/kernel/cap_last_cap). Pure.
std::vector<Remark> remarks_on(std::string_view status, unsigned last_capability);

/// Of the target; none in a namespace, where a container confines its PID 1 on purpose.
std::vector<Remark> remarks_on(const Target& target);

/// Whether a takeover is refused for it.
bool refuses(const Remark& remark, bool force) noexcept;
/// Throws Failure for the first that it is refused for.
void check(const Target& target, bool force);
/// Warns of the others.
void warn(const Target& target, bool force);

}  // namespace dboot::confinement
