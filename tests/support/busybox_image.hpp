#pragma once

#include <string>

#include "shared/system/syscalls.hpp"
#include "tests/support/tar_builder.hpp"

namespace dboot {

/// Adds the machine's static busybox as /bin/busybox, and /bin/sh, a link to it.
inline TarBuilder& add_busybox(TarBuilder& tar) {
  return tar.directory("bin")
      .file("bin/busybox", sys::read_file("/bin/busybox"), 0755)
      .symlink("bin/sh", "busybox");
}

/// The root filesystem tar of the smallest system that has a shell.
inline std::string busybox_image() {
  TarBuilder tar;
  return add_busybox(tar).finish();
}

}  // namespace dboot
