#pragma once

namespace dboot::fuzz {

/// Makes everything that this thread can reach read-only, in a mount namespace of its own, except
/// the folder that DBOOT_FUZZ_DIRECTORY names: an entry that gets out of its root does not do to
/// this machine what it came for. False where this process is not root, and may not do that anyway.
/// Throws std::system_error.
bool confine();

}  // namespace dboot::fuzz
