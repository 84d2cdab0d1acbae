#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "injector/clean_up_deadline.hpp"
#include "injector/image/image_config.hpp"
#include "injector/stream/byte_stream.hpp"

/// The few calls of the Engine API that are needed, without its JSON and HTTP.
namespace dboot::image {

/// What an engine says about where it keeps an image.
struct EngineStorage {
  std::string driver;  ///< of its storage: overlay2, overlayfs, vfs, btrfs, …
  std::vector<std::string>
      directories;  ///< the uppermost first; none: the driver has no such thing
};

struct EngineImage {
  std::string id;
  ImageConfig config;
  std::uint64_t size = 0;  ///< bytes of all layers
  EngineStorage storage;
};

/// "debian:12" and so on, of all images that the engine at this socket has. For a person who types:
/// it waits a second at most. Throws Failure.
std::vector<std::string> image_names(const std::string& socket_path);

class EngineClient {
 public:
  /// Asks the engine at this socket which API it speaks. Throws Failure.
  explicit EngineClient(std::string socket_path);

  const std::string& socket_path() const noexcept { return socket_path_; }

  /// Who listens at the socket, as far as the kernel tells (unix(7), SO_PEERCRED): 0 for a process
  /// of another PID namespace; init where it has opened the socket for the engine.
  pid_t process() const noexcept { return process_; }

  /// Empty when there is no such image. Throws Failure.
  std::optional<EngineImage> find_image(const std::string& name) const;
  /// Begins to fetch an image from its registry; the answer is a line of JSON for every event.
  /// `auth` is the header X-Registry-Auth, or empty. `mend` is for the Failure that this throws.
  std::unique_ptr<ByteStream> pull_image(const std::string& repository, const std::string& tag,
                                         const std::string& auth, const std::string& mend) const;
  /// Creates a container that is never started. Engines make its working directory at once, Podman
  /// when it is started. Throws Failure; after an interruption the engine may still create it.
  void create_container(const std::string& name, const std::string& image_id,
                        const std::string& working_directory) const;
  /// Removes it, with its anonymous volumes. Returns false when it is not there. Throws
  /// EngineNotRunning, and Failure, also when the deadline has passed.
  bool remove_container(const std::string& name, CleanUpDeadline& deadline) const;
  /// Its filesystem as a tar archive. Throws Failure.
  std::unique_ptr<ByteStream> export_container(const std::string& name) const;

 private:
  std::string socket_path_;
  pid_t process_ = 0;
  std::string prefix_;  ///< "/v1.41"; empty where the engine does not say
};

}  // namespace dboot::image
