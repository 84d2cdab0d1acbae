#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "injector/network/configuration.hpp"
#include "shared/network/message.hpp"

namespace dboot::network {

struct ChosenLinks {
  std::map<std::uint32_t, Interface> interfaces;  ///< by number, without what is on them
  std::set<std::uint32_t> left_out;               ///< with something on them, of another kind
};

/// Links that a configuration has to name: those of `in_use`, and what they lie on or are made of.
/// Cards, VLANs, bonds, and bridges that a card is part of, by whatever it lies below; they are up,
/// of Ethernet, and have a name that needs no quoting anywhere. Pure.
ChosenLinks choose_links(const std::vector<netlink::Message>& links,
                         const std::set<std::uint32_t>& in_use);

}  // namespace dboot::network
