#include "injector/document/platform.hpp"

#include <sys/utsname.h>

#include <array>
#include <charconv>
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
  if (machine == "x86-64" || machine == "AMD64") return "amd64";
  for (const auto& [architecture, name] : machines) {
    if (name == machine) return std::string(architecture);
  }
  return machine;
}

/// The number of a variant such as "v7"; 0 for what is no such thing. No variant is the plain
/// architecture: amd64 is v1 and arm64 is v8, 32-bit arm does not say.
int version_of(const Platform& platform) {
  const std::string& variant = platform.variant;
  if (variant.empty()) {
    if (platform.architecture == "amd64") return 1;
    return platform.architecture == "arm64" ? 8 : 1;
  }
  int version = 0;
  if (variant.front() != 'v') return 0;
  const char* end = variant.data() + variant.size();
  const auto result = std::from_chars(variant.data() + 1, end, version);
  return result.ptr == end && version > 0 ? version : 0;
}

std::string processor_level() {
#ifdef __x86_64__
  // The levels as the psABI defines them, less what every processor that has the rest also has.
  const bool v2 = __builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("popcnt") != 0 &&
                  __builtin_cpu_supports("ssse3") != 0;
  const bool v3 = v2 && __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0 &&
                  __builtin_cpu_supports("bmi2") != 0 && __builtin_cpu_supports("fma") != 0;
  const bool v4 =
      v3 && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512cd") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0;
  return v4 ? "v4" : v3 ? "v3" : v2 ? "v2" : "";
#else
  return "";
#endif
}

}  // namespace

std::string to_string(const Platform& platform) {
  if (platform == Platform()) return "unknown";
  std::string text = platform.os + "/" + platform.architecture;
  if (!platform.variant.empty()) text += "/" + platform.variant;
  return text;
}

Platform running_platform() {
  utsname names{};
  ::uname(&names);
  return {"linux", architecture_of(names.machine), processor_level()};
}

std::optional<int> fitness(const Platform& offered, const Platform& running) {
  // Hand-made indexes have the kernel's names: "x86_64".
  if (offered.os != running.os || architecture_of(offered.architecture) != running.architecture)
    return std::nullopt;
  const int version = version_of(offered);
  if (version == 0 || version > version_of(running)) return std::nullopt;
  return version;
}

void check_platform(const std::string& os, const std::string& architecture,
                    const std::string& machine) {
  if (!os.empty() && os != "linux") {
    throw Failure("the image is for " + os + ", and this machine runs linux",
                  "take an image for linux");
  }
  const std::string wanted = architecture_of(machine);
  // Podman and hand-made images use the kernel's names as well.
  if (architecture.empty() || architecture == wanted || architecture == machine) return;
  throw Failure(
      "the image is for " + architecture + ", and this machine is " + wanted,
      "take the image for linux/" + wanted + "; pull --platform linux/" + wanted + " fetches it");
}

void check_runs_here(const ImageConfig& config) {
  utsname names{};
  ::uname(&names);
  check_platform(config.os, config.architecture, names.machine);
}

}  // namespace dboot::image
