#pragma once

#include "shared/network/message.hpp"

namespace dboot::netlink {

/// A request that brings something back.
struct Change {
  Message request;
  int flags = 0;     ///< NLM_F_CREATE and the like
  Message recorded;  ///< what it is about
};

}  // namespace dboot::netlink
