#pragma once

#include "injector/unpack/xattrs.hpp"

struct archive_entry;

namespace dboot::rootfs {

/// The POSIX ACLs that libarchive has found in an entry, as the attributes by which the kernel
/// takes them: system.posix_acl_access and system.posix_acl_default (<linux/posix_acl_xattr.h>).
/// Throws BadEntry when one is for a user whose number it does not tell.
Xattrs posix_acls_of(archive_entry* entry);

}  // namespace dboot::rootfs
