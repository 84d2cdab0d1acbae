#pragma once

#include <stdexcept>

namespace dboot::rootfs {

/// Why an entry is refused.
class BadEntry : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace dboot::rootfs
