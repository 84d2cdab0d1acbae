#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

/// Firmware that drivers ask the kernel to load from /lib/firmware:
/// https://docs.kernel.org/driver-api/firmware/fw_search_path.html
namespace dboot::rootfs::firmware {

/// The values of "firmware=" in a module's .modinfo, and of "NAME.firmware=" in
/// modules.builtin.modinfo: strings that end with a NUL. Patterns of the shell are possible.
std::vector<std::string> names_in(std::string_view modinfo);

/// The section .modinfo of a module, a relocatable ELF file; empty when it has none or is damaged.
std::string_view modinfo_of(std::string_view module);

/// The whole of a module's file, decompressed where it is compressed (.ko.xz, .ko.zst, .ko.gz).
/// Throws std::system_error or std::runtime_error.
std::string read_module(int directory, const std::string& file);

/// Whether a file below the firmware directory is one of `names`, which may be compressed there.
bool is_one_of(const std::string& file, const std::set<std::string>& names);

}  // namespace dboot::rootfs::firmware
