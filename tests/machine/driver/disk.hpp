#pragma once

#include <string>

#include "tests/machine/driver/child.hpp"

/// The disks of the emulated machines.
namespace dboot::machine::disk {

/// Makes a disk that lies on another one, which stays as it is: what is written goes into the new
/// file (qcow2). It starts as some hundred kilobytes. Throws std::runtime_error.
void make_overlay(const std::string& base, const std::string& file);

/// Makes an empty disk (qcow2) of a size that qemu-img understands: "400M". Throws
/// std::runtime_error.
void make_empty(const std::string& file, const std::string& size);

/// What a file is to QEMU: "qcow2" or "raw".
std::string format_of(const std::string& file);

/// Runs fsck on the ext4 that begins at the first MiB of a disk, as the root of each test host
/// does. The disk must not be in use any more, and is not changed. Status 0: clean.
Output check_root(const std::string& disk);

}  // namespace dboot::machine::disk
