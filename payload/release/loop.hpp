#pragma once

#include "payload/release/stack.hpp"

namespace dboot {

/// Loop devices that have a backing file; a file that backs one holds its filesystem
/// (linux/loop.h).
extern const StackKind loop_devices;

}  // namespace dboot
