#pragma once

#include <string>
#include <string_view>

/// Who one is to a registry, as `docker login` keeps it.
namespace dboot::image {

/// The registry that an image's name begins with; Docker Hub's address in Docker's files where it
/// begins with none.
std::string registry_of(const std::string& image);

struct RegistryAuth {
  std::string header;  ///< X-Registry-Auth of the Engine API; empty: as nobody
  std::string mend;    ///< what to do where that is not enough, and this says why; else empty
};

/// From the text of a config.json of Docker's: the member "auths". Passwords in a helper program
/// (credsStore, credHelpers) are not asked for. Text that is no such file counts as empty.
RegistryAuth parse_registry_auth(std::string_view config, const std::string& registry);

/// The same from $DOCKER_CONFIG, the home directory, or that of who called sudo.
RegistryAuth find_registry_auth(const std::string& registry);

}  // namespace dboot::image
