#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace dboot {

/// Everything below a directory, itself included (""), by its path: type, mode, owner, size, time,
/// device, xattrs, content, and which other names a file has. Two equal listings are two equal
/// trees.
using TreeListing = std::map<std::string, std::string>;

/// xattrs that begin with one of overlayfs's prefixes are left out. Needs root. Throws.
TreeListing list_tree(const std::filesystem::path& directory);

/// What differs, a line each; empty when nothing does.
std::string differences(const TreeListing& expected, const TreeListing& actual);

}  // namespace dboot
