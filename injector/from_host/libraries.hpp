#pragma once

#include <string>
#include <string_view>
#include <vector>

/// What a program of the host needs to be executed in another root.
namespace dboot::rootfs {

/// The paths of its loader and its libraries, as the loader itself finds them (ld.so(8), --list).
/// None for a static program. Throws Failure.
std::vector<std::string> libraries_of(const std::string& program);

/// The paths in what `ld.so --list` prints, glibc's or musl's: a library a line, with "=>" before
/// its path where the program names it without one. Pure.
std::vector<std::string> paths_in_listing(std::string_view listing);

}  // namespace dboot::rootfs
