#pragma once

#include "payload/release/stack.hpp"

namespace dboot {

/// Disks in compressed memory (Documentation/admin-guide/blockdev/zram.rst): their memory, and the
/// device that they are written back to.
extern const StackKind zram;

}  // namespace dboot
