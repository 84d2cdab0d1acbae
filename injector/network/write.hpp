#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/plan/plan.hpp"

namespace dboot::network {

/// What configures the network of an image.
enum class Format : std::uint8_t { netplan, network_manager, ifupdown, networkd };
std::string_view to_string(Format format);

/// By the programs that it has, in this order; empty where it has none of them.
std::optional<Format> format_of_image(int root_fd);

/// Writes what was recorded of the network as the image's own configuration, tells what was
/// written and what was not, and returns the paths: "/etc/network/interfaces". No link of the image
/// leads out of it. An image with cloud-init is told to leave the network, the keys of ssh and the
/// hostname alone. Throws Failure, also for an image with nothing that configures a network.
std::vector<std::string> write_for_image(int root_fd, const Network& recorded);

}  // namespace dboot::network
