#pragma once

#include "shared/system/unique_fd.hpp"

/// The kernel's watchdog in software (softdog): resets a machine whose guardian is gone, where
/// there is none in hardware.
namespace dboot::software_watchdog {

/// Whether the machine has no watchdog at all.
bool is_needed();

/// Whether the host has the kernel's module for one.
bool is_there();

/// Copies the kernel's module, and what it needs, to a directory, decompressed, with names in the
/// order in which they are to be loaded; nothing where there is none. What cannot be read is a
/// warning.
void stage(const UniqueFd& directory);

}  // namespace dboot::software_watchdog
