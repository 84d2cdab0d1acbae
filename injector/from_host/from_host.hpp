#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "injector/from_host/host_files_wanted.hpp"
#include "injector/from_host/host_tree.hpp"
#include "injector/progress.hpp"

namespace dboot::rootfs {

/// Where a host has what its kernel needs.
struct KernelFiles {
  std::string release;       ///< uname -r
  std::string modules;       ///< the directory of that release; empty: there is none
  std::string firmware;      ///< empty: there is none
  std::string proc_modules;  ///< content of /proc/modules
};
KernelFiles kernel_files_of_host();

/// What has been taken along.
struct Taken {
  std::string what;  ///< "kernel modules", "firmware", "file"
  std::string from;
  std::string to;
  std::uint64_t bytes = 0;
};

/// Files of the host, opened: whoever enters another mount namespace later still reads the same.
class FromHost {
 public:
  /// Throws Failure when something that was asked for is not there.
  FromHost(const HostFilesWanted& wanted, KernelFiles kernel);

  /// What was asked for takes that much memory; not what is taken where it fits.
  std::uint64_t bytes() const { return bytes_; }

  /// Writes it into the filled root, and tells what there was. Throws Failure.
  std::vector<Taken> copy(int root_fd, Progress& progress) const;

 private:
  struct Copy {
    HostTree from;
    std::string to;
  };
  void copy_modules(int root_fd, Progress& progress, std::vector<Taken>& taken) const;
  void copy_firmware(int root_fd, Progress& progress, std::vector<Taken>& taken) const;

  Share modules_share_;
  Share firmware_share_;
  KernelFiles kernel_;
  std::optional<HostTree> modules_;
  std::optional<HostTree> firmware_;
  std::vector<Copy> copies_;
  std::uint64_t bytes_ = 0;
};

}  // namespace dboot::rootfs
