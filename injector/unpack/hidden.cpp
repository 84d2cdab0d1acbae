#include "injector/unpack/hidden.hpp"

#include "injector/unpack/beneath.hpp"
#include "shared/plan/layout.hpp"

namespace dboot::rootfs {

std::string hidden_below(int root_fd, const std::string& path) {
  for (const auto& passed : way_beneath(root_fd, path)) {
    for (const std::string name : layout::mount_points) {
      if (passed.starts_with("/" + name + "/")) return "/" + name;
    }
  }
  return {};
}

}  // namespace dboot::rootfs
