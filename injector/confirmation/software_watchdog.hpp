#pragma once

#include "shared/system/unique_fd.hpp"

/// The kernel's watchdog in software (softdog): resets a machine whose guardian is gone, where
/// there is none in hardware.
namespace dboot::software_watchdog {

/// Whether the machine has no watchdog at all.
bool is_needed();

/// Copies the kernel's module, and what it needs, to a directory, decompressed, with names in the
/// order in which they are to be loaded. Where the host has no such module that is a warning.
void stage(const UniqueFd& directory);

}  // namespace dboot::software_watchdog
