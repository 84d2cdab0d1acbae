#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "shared/system/unique_fd.hpp"

namespace dboot {

/// What is about to be /run/dboot, and the new root in it. Both are tmpfs mounts that are attached
/// nowhere (fsopen(2), fsmount(2)) and are written through their descriptors: until attach() the
/// host sees nothing of them, and when the injector ends, in whatever way, they are gone.
class Staging {
 public:
  /// Whether device files that an image brings can be opened.
  enum class Devices : bool { locked, usable };

  /// `root_bytes`: the most that the new root can hold; `root_entries`: how many files. Throws.
  Staging(std::uint64_t root_bytes, std::uint64_t root_entries, Devices devices = Devices::usable);
  ~Staging() { detach(); }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  /// The directory that becomes the new root.
  int root() const noexcept { return root_.get(); }
  /// The directory that becomes /run/dboot.
  int directory() const noexcept { return directory_.get(); }

  /// What the new root takes of the memory now. Throws.
  std::uint64_t root_bytes() const;

  /// Writes the plan, replacing an earlier one. Throws.
  void write_plan(std::span<const std::uint8_t> plan) const;
  /// The file that is to hold the record, for reading and appending. Throws.
  UniqueFd make_record() const;
  /// Copies a program to `name` below directory(). Throws.
  void copy_program(int source, const std::string& name) const;

  /// To be called in the target's mount namespace, before the fork of who is to call attach(): from
  /// here on detach() undoes what attach() does, in this process or in a child.
  void arm() noexcept;
  /// Mounts both at their places in the mount namespace of the caller. Throws; then nothing is
  /// mounted.
  void attach() const;
  /// Undoes attach() as far as it has been done. While a process executes the payload it is too
  /// late, and nothing is changed. Never throws.
  void detach() const noexcept;
  /// From here on the destructor leaves everything as it is.
  void commit() noexcept { armed_ = false; }

  /// True when the process whose directory below /proc is given executes the staged payload.
  bool is_executed_by(int process_directory) const noexcept;

 private:
  bool is_attached(const char* path, int mount) const noexcept;

  UniqueFd directory_;
  UniqueFd root_;
  bool armed_ = false;
  bool directory_was_there_ = false;
};

}  // namespace dboot
