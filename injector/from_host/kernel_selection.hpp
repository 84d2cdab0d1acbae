#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "injector/from_host/from_host.hpp"

namespace dboot::rootfs {

/// Files of a directory of the kernel's, modules or firmware: all, or those for what is loaded.
class KernelSelection {
 public:
  /// Without the links to the kernel's sources. `share` is loaded or all. Throws std::system_error.
  static KernelSelection of_modules(const HostTree& source, const KernelFiles& kernel, Share share);
  /// With loaded: what the loaded modules, and drivers that are built in, name in their modinfo(8).
  static KernelSelection of_firmware(const HostTree& source, const KernelFiles& kernel,
                                     Share share);

  void leave_out(const std::function<bool(const std::string& file)>& unwanted);

  bool empty() const { return files_.empty(); }
  std::uint64_t bytes() const { return source_->bytes(filter()); }

  /// Throws Failure.
  void copy(int root_fd, const std::string& to, Progress& progress) const;

 private:
  KernelSelection(const HostTree& source, std::set<std::string> files);
  HostTree::Filter filter() const;
  void find_directories();

  const HostTree* source_;
  std::set<std::string> files_;
  std::set<std::string> directories_;
  std::string modules_dep_;  ///< what becomes of that file; empty: it is copied
};

}  // namespace dboot::rootfs
