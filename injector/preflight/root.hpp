#pragma once

#include <string>

namespace dboot::root {

/// Throws Failure where the kernel's processes are not to be seen, which everything else asks.
void require_proc();

/// Throws Failure where a rehearsal could not be furnished in `root`, the root of this process: it
/// mounts filesystems of its own in there, and makes all mounts private.
void require_for_rehearsal(const std::string& root = "/");

}  // namespace dboot::root
