#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/release/releaser.hpp"

namespace dboot {

/// Swap areas, as long as the paths that lead to them are mounted. Everything in one is read back:
/// that needs as much memory, which may be free only when a tmpfs has been unmounted.
class Swap final : public Releaser {
 public:
  Swap(Log& log, Children& children, Permissions permissions);

  std::string_view name() const noexcept override { return "swap"; }
  Task<std::size_t> release(Round round) override;

 private:
  Log& log_;
  Children& children_;
  bool allowed_;
  std::map<std::string, std::size_t> rounds_;  ///< that an area has been tried in
  std::set<std::string> late_;                 ///< areas that are not tried again
};

}  // namespace dboot
