#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace dboot {

/// One HTTP request on a unix socket, answered until the connection closes. Returns the whole
/// answer, headers included. Throws.
std::string http_request(const std::string& socket_path, const std::string& method,
                         const std::string& target, const std::string& body = {},
                         const std::string& type = {}, const std::string& headers = {});

/// A Docker engine of the test's own: a real dockerd with its own data, socket and containerd,
/// which touches no network and ends with the object.
class DockerEngine {
 public:
  /// Starts it and waits until it answers. Throws.
  explicit DockerEngine(const std::string& storage_driver = "overlay2");
  ~DockerEngine();
  DockerEngine(const DockerEngine&) = delete;
  DockerEngine& operator=(const DockerEngine&) = delete;

  /// False where no dockerd is installed.
  static bool is_installed();

  std::string socket_path() const { return directory_ / "docker.sock"; }

  /// Makes an image from the archive of a root filesystem, as `docker import` does. `changes` are
  /// Dockerfile instructions (CMD, ENV, …). Returns the ID.
  std::string import(const std::string& name, const std::string& archive,
                     const std::vector<std::string>& changes = {});
  /// Makes an image that has one layer more, with the content of an archive. Returns the ID.
  std::string add_layer(const std::string& image, const std::string& name,
                        const std::string& archive);
  /// Where the uppermost layer of an image lies; only with overlay2.
  std::string uppermost_layer(const std::string& image) const;
  void remove_image(const std::string& name);
  /// Gives an image the name "REGISTRY/NAME:latest", pushes it there, and forgets that name.
  void push(const std::string& image, const std::string& registry, const std::string& name);
  /// Replaces an image by one that says to be for another architecture, whose name has the same
  /// length.
  void claim_architecture(const std::string& name, const std::string& from, const std::string& to);
  /// The engine's list of its containers, running or not; "[]" when there are none.
  std::string containers() const;

 private:
  void start(const std::string& storage_driver);
  void wait_until_it_answers() const;

  TemporaryDirectory directory_;
  pid_t pid_ = -1;
};

}  // namespace dboot
