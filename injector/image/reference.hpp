#pragma once

#include <cstdint>
#include <string>

/// What people write for IMAGE.
namespace dboot::image {

enum class Transport : std::uint8_t {
  engine,          ///< a name, an ID or a digest in the Docker engine
  podman,          ///< the same in Podman
  docker_archive,  ///< what `docker save` writes
  oci_archive,     ///< a tar of an OCI image layout
  oci_layout,      ///< a directory that is an OCI image layout
  directory,       ///< a directory that is a root filesystem
  tar,             ///< a tar of a root filesystem
  standard_input,  ///< one of the archives, recognised by its content
  path,            ///< a file or directory, recognised by its content
};

/// IMAGE in its parts.
struct Reference {
  Transport transport = Transport::engine;
  std::string location;  ///< a name in an engine, or a path; empty for standard input
  std::string image;     ///< which one of several in an archive or layout; empty: the only one

  bool operator==(const Reference&) const = default;
};

/// The word before the colon; empty where there is none (path, standard input).
std::string name_of(Transport transport);

/// Reads IMAGE with the names and the rules of skopeo's transports (containers-transports(5)):
/// what begins with a transport is that; there, in docker-archive, oci-archive and oci, the path
/// ends at the first colon, and what follows is the image in it. What begins with "/", "./" or
/// "../" is a path as a whole, "-" is standard input, everything else a name, an ID or a digest in
/// the engine. Throws Failure that lists the transports.
Reference parse_reference(const std::string& text);

}  // namespace dboot::image
