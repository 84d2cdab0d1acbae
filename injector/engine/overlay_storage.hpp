#pragma once

#include <stdexcept>
#include <vector>

#include "injector/engine/client.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::image {

/// Why the layers in an engine's storage cannot be read directly.
class StorageOutOfReach : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The root directory of the engine, or of the init that has opened its socket, in its own mount
/// namespace. Throws StorageOutOfReach, also when its owners are not ours (user namespaces).
UniqueFd open_root_of(pid_t process);

/// Opens the directories in which an engine's overlay driver keeps the layers of an image, the
/// uppermost first, as `process` (the engine, or the init that has opened its socket) sees them.
/// Its own notes beside them must say the same as its answer: so these are its layers, and not
/// another machine's of the same name. Throws StorageOutOfReach.
std::vector<UniqueFd> open_storage(const EngineStorage& layers, pid_t process);

}  // namespace dboot::image
