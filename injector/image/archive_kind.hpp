#pragma once

#include <cstdint>
#include <string>

#include "injector/image/archive_walk.hpp"

namespace dboot::image {

enum class ArchiveKind : std::uint8_t {
  root_filesystem,
  docker,  ///< what `docker save` writes
  oci,     ///< an OCI image layout; since Docker 25 `docker save` writes both in one
};

/// Whether an archive that holds an image may have a member of that name (as member_name gives it).
/// No root filesystem consists of such names alone.
bool is_of_an_image(const std::string& name);

/// The same for the path of a member as the archive has it: the directory of all is everybody's.
bool may_be_of_an_image(const std::string& path);

/// What the archive holds, by the names in it: a root filesystem is known by the first that an
/// image cannot have, an image only at its end. Throws Failure.
ArchiveKind kind_of(ArchiveWalk& walk);

}  // namespace dboot::image
