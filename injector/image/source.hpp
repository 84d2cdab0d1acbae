#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "injector/image/image_config.hpp"
#include "injector/progress.hpp"

/// Where the new system comes from.
namespace dboot::image {

/// What every source gives. It is complete when it has been made: a source that cannot be read
/// fails there, before anything is prepared.
class Source {
 public:
  Source() = default;
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  virtual const ImageConfig& config() const = 0;
  /// Bytes of all files together; 0 when nobody knows.
  virtual std::uint64_t estimated_bytes() const = 0;
  /// For messages: "image ubuntu:24.04 of the Docker engine at /run/docker.sock".
  virtual std::string description() const = 0;
  /// What names its content: the digest of a manifest, the ID of an engine's image. Empty where
  /// nothing does.
  virtual std::string digest() const { return ""; }
  /// Writes the root filesystem below `root_fd`, once, and never a byte elsewhere; what was created
  /// for that purpose (a container in the engine) is gone on return. Throws Failure, also when the
  /// user interrupts.
  virtual void unpack(int root_fd, Progress& progress) = 0;
};

/// When an engine fetches an image from its registry.
enum class Pull : std::uint8_t { missing, always, never };

struct EngineOptions {
  std::string host;  ///< unix:///path or /path; empty: the engine's usual socket
  Pull pull = Pull::missing;
};

}  // namespace dboot::image
