#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "injector/image/image_config.hpp"
#include "injector/stream/byte_stream.hpp"

/// The few calls of the Engine API that are needed, without its JSON and HTTP.
namespace dboot::image {

struct EngineImage {
  std::string id;
  ImageConfig config;
  std::uint64_t size = 0;  ///< bytes of all layers
};

class EngineClient {
 public:
  /// Asks the engine at this socket which API it speaks. Throws Failure.
  explicit EngineClient(std::string socket_path);

  const std::string& socket_path() const noexcept { return socket_path_; }

  /// Throws Failure when there is no such image.
  EngineImage inspect_image(const std::string& name) const;
  /// Creates a container that is never started. Not interruptible, so that nobody has to guess
  /// whether it is there. Throws Failure.
  void create_container(const std::string& name, const std::string& image_id) const;
  /// Removes it, with its anonymous volumes; it need not be there. Not interruptible. Throws
  /// Failure.
  void remove_container(const std::string& name) const;
  /// Its filesystem as a tar archive. Throws Failure.
  std::unique_ptr<ByteStream> export_container(const std::string& name) const;

 private:
  std::string socket_path_;
  std::string prefix_;  ///< "/v1.41"; empty where the engine does not say
};

}  // namespace dboot::image
