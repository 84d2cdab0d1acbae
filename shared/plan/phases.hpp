#pragma once

#include <array>

namespace dboot {

/// The phases of dboot-init, in their order, as the log has them. payload/phases has a file for
/// each.
inline constexpr std::array phase_names{"wake",    "console",   "sync", "terminate",
                                        "release", "hand-over", "start"};

}  // namespace dboot
