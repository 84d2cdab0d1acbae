#pragma once

#include "payload/release/stack.hpp"

namespace dboot {

/// Arrays of md (linux/raid/md_u.h). One that is stopped is marked clean on its disks.
extern const StackKind md_arrays;

}  // namespace dboot
