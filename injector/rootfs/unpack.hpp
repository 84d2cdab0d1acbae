#pragma once

#include <string>

#include "injector/progress.hpp"

struct archive;

namespace dboot::rootfs {

/// Writes the entries of an opened libarchive reader below `root_fd`, with owners and modes as they
/// are, and never outside of it: parents are opened beneath the root, whatever symlinks the archive
/// has brought, and entries that name ".." are refused. Content bytes are added to `progress`.
/// `description` is the archive's, for messages. Throws Failure (a bad archive, a full root, an
/// interruption); what has been written until then stays.
void unpack(archive* reader, int root_fd, Progress& progress, const std::string& description);

}  // namespace dboot::rootfs
