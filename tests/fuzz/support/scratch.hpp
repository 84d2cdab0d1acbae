#pragma once

#include <sys/stat.h>

#include <array>
#include <memory>

#include "shared/system/unique_fd.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::fuzz {

/// An empty root directory, and beside it, on the same filesystem, what no entry of an archive may
/// reach. Fresh for every input: as root a tmpfs of its own, small and mounted nowhere.
class Scratch {
 public:
  Scratch();

  int root() const noexcept { return root_.get(); }
  /// Ends the program unless everything outside of the root is as it was: content, times, links.
  void check_outside() const;

 private:
  static constexpr std::size_t watched = 4;
  using State = std::array<struct stat, watched>;
  State state() const;

  std::unique_ptr<TemporaryDirectory> directory_;  ///< where this process may not mount
  UniqueFd base_;
  UniqueFd root_;
  State before_;
};

}  // namespace dboot::fuzz
