#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "shared/system/unique_fd.hpp"

/// The program that PID 1 is to execute: dboot-init, or one of somebody's own.
namespace dboot::payload_file {

/// Which plans a payload understands, see shared/plan/payload_note.h.
struct PlanVersions {
  std::uint32_t oldest_major = 0;
  std::uint32_t newest_major = 0;
  std::uint32_t newest_minor = 0;  ///< of that
};

struct Payload {
  UniqueFd fd;
  std::string path;  ///< "dboot-init" for the one that this program carries
  bool is_carried = false;
  std::uint64_t size = 0;  ///< in bytes
  std::string digest;      ///< "sha256:9f2c…", see compute_digest()
  /// Empty when it does not say so. One that does can be proved.
  std::optional<PlanVersions> plans;
};

/// Opens the payload: `path`, or where that is empty the dboot-init that this program carries.
/// Throws Failure where there is none, where the kernel cannot load it, where it needs other files
/// (no library of the old or of the new system is promised to it), and where it says that it does
/// not understand the plans of this program.
Payload open(const std::string& path);

/// Reads all of it: when it is known that there is room for it.
void compute_digest(Payload& payload);

/// The newest plan that it understands: "1.3".
std::string to_string(const PlanVersions& plans);

/// Throws Failure unless it understands plans of 1.`minor`, which have `what`; the mend names
/// `options`, which ask for that.
void require_plans_of(const Payload& payload, std::uint32_t minor, const std::string& what,
                      const std::string& options);

/// Throws Failure unless the file is the payload's copy.
void check_copy(int fd, const Payload& payload);

/// Runs `name` below `directory` with --self-test as PID 1 of a PID namespace of its own, because a
/// damaged program kills its process after execve's point of no return, and that process would be
/// PID 1. Throws Failure when it does not end with status 0 within ten seconds. Not for a payload
/// that does not say which plans it understands.
void prove(int directory, const std::string& name, const Payload& payload);

}  // namespace dboot::payload_file
