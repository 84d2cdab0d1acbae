#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

/// manifest.json in what `docker save` and `podman save` write: the list of its images ("Combined
/// Image JSON + Filesystem Changeset Format", Docker's image specification v1.2).
namespace dboot::image {

struct SavedImage {
  std::string config;               ///< name of a member of the archive
  std::vector<std::string> tags;    ///< "ubuntu:24.04"
  std::vector<std::string> layers;  ///< names of members, the lowest first
};

/// Throws BadDocument.
std::vector<SavedImage> parse_saved_images(std::string_view text);

/// The image with that tag (":latest" and "docker.io/library/" go without saying), or "@N", the
/// N-th counted from 0; with an empty `name` the only one. Throws BadDocument that lists what is
/// there.
const SavedImage& choose(std::span<const SavedImage> images, const std::string& name);

}  // namespace dboot::image
