#pragma once

#include <string>
#include <vector>

#include "injector/progress.hpp"
#include "injector/unpack/overlay.hpp"

namespace dboot::rootfs {

/// Copies what `source` shows below `root_fd`, which is empty, with all processors: content with
/// its holes, hard links, owners, modes, times, xattrs, devices and FIFOs. Sockets are left out,
/// and what is mounted in the source, with a warning. Writing never leaves the root, reading never
/// the source. Content bytes are added to `progress`; `description` is the source's, for messages.
/// Throws Failure (a full root, an interruption, a source that changes meanwhile) and
/// NeedsOverlayfs; what has been written until then stays.
void copy_tree(const Overlay& source, int root_fd, Progress& progress,
               const std::string& description);

}  // namespace dboot::rootfs
