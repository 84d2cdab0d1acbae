#pragma once

#include <string>

namespace dboot::rootfs {

/// What the name of an entry hides in the layers below (OCI image specification, layer.md,
/// "Whiteouts").
struct Whiteout {
  enum class Kind {
    none,     ///< an entry like any other
    file,     ///< `path`, with all below it
    opaque,   ///< everything in the directory `path`
    ignored,  ///< AUFS's own (".wh..wh.plnk"): no part of the image
  };
  Kind kind = Kind::none;
  std::string path;
};

/// `path` is as clean_path() returns it. Throws BadEntry for a whiteout of nothing, "." or "..",
/// and for what lies below a whiteout.
Whiteout whiteout_of(const std::string& path);

}  // namespace dboot::rootfs
