#pragma once

#include <optional>
#include <string>

#include "injector/image/image_config.hpp"

namespace dboot::image {

/// What an image was built for, in Go's words ("image-index.md" of the OCI image specification).
struct Platform {
  std::string os;
  std::string architecture;
  std::string variant;  ///< of the architecture: "v7", "v3"; empty: the plain one

  bool operator==(const Platform&) const = default;
};

/// "linux/arm/v7"; "unknown" where nothing is said.
std::string to_string(const Platform& platform);

/// What this machine runs. For amd64 the variant is the processor's level of the x86-64 psABI.
Platform running_platform();

/// How well an image for `offered` serves a machine that runs `running`: the higher the better;
/// nothing where it does not run.
std::optional<int> fitness(const Platform& offered, const Platform& running);

/// Throws Failure when programs of an image for `os` and `architecture` (as Go names them; empty:
/// not said) do not run on `machine`, which is as uname(2) names it.
void check_platform(const std::string& os, const std::string& architecture,
                    const std::string& machine);
/// The same for this machine.
void check_runs_here(const ImageConfig& config);

}  // namespace dboot::image
