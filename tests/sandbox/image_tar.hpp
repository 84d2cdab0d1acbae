#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace dboot::testing {

/// Builds the root filesystem tar of a small system.
class ImageTar {
 public:
  /// Empty but for the machine's static busybox as /bin/busybox, and /bin/sh, a link to it.
  static ImageTar of_busybox();

  ImageTar& add_directory(const std::string& path);
  ImageTar& add_file(const std::string& path, std::string_view content, unsigned mode);
  ImageTar& add_link(const std::string& path, const std::string& target);

  /// The archive so far, with its end.
  std::string bytes() const { return bytes_ + std::string(1024, '\0'); }

 private:
  void add_header(const std::string& path, char type, unsigned mode, std::uint64_t size,
                  const std::string& target);

  std::string bytes_;
};

}  // namespace dboot::testing
