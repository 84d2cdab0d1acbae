#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace dboot::hostile {

/// Where an image is made, and what it is after.
struct Place {
  std::filesystem::path directory;  ///< the image's files
  std::filesystem::path canary;     ///< a tree that nobody may touch; its parent holds the root too

  /// Writes a file there; its path.
  std::string file(const std::string& name, const std::string& content) const;
};

/// An image that wants out of its root, or in the way of whoever unpacks it.
struct HostileImage {
  const char* name;
  /// Makes it; what to say for IMAGE.
  std::function<std::string(const Place&)> build;
  /// Part of the message that refuses it, which names the entry; empty when what it wants is
  /// harmless and is done inside the root.
  const char* message = "";
  /// Of dboot-inject.
  std::vector<std::string> options = {};
  /// A path that must be there below the root, when it is harmless; CANARY is the canary's.
  const char* inside = "";
};

std::vector<HostileImage> names();         ///< paths of entries
std::vector<HostileImage> links();         ///< symbolic and hard ones
std::vector<HostileImage> headers();       ///< sizes and types that lie
std::vector<HostileImage> config_files();  ///< what is read or written to start it
std::vector<HostileImage> streams();       ///< compressed data, bombs among them
std::vector<HostileImage> layers();        ///< what one layer does to another
std::vector<HostileImage> documents();     ///< manifests, indexes and configurations
std::vector<HostileImage> blobs();         ///< content that is not what it is called

}  // namespace dboot::hostile
