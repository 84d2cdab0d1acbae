#include "injector/image/platform.hpp"

#include <array>
#include <string_view>
#include <utility>

#include "injector/failure.hpp"

namespace dboot::image {
namespace {

/// Go's name of an architecture, uname's of the machine.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> machines{{
    {"amd64", "x86_64"},
    {"arm64", "aarch64"},
    {"riscv64", "riscv64"},
    {"ppc64le", "ppc64le"},
    {"s390x", "s390x"},
    {"loong64", "loongarch64"},
}};

std::string architecture_of(const std::string& machine) {
  for (const auto& [architecture, name] : machines) {
    if (name == machine) return std::string(architecture);
  }
  return machine;
}

}  // namespace

void check_platform(const std::string& os, const std::string& architecture,
                    const std::string& machine) {
  if (!os.empty() && os != "linux") {
    throw Failure("the image is for " + os + ", and this machine runs linux",
                  "take an image for linux");
  }
  const std::string wanted = architecture_of(machine);
  // Podman and hand-made images use the kernel's names as well.
  if (architecture.empty() || architecture == wanted || architecture == machine) return;
  throw Failure("the image is for " + architecture + ", and this machine is " + wanted,
                "take the image for this machine: docker pull --platform linux/" + wanted);
}

}  // namespace dboot::image
