#pragma once

#include <optional>
#include <string>
#include <vector>

#include "injector/image/image_config.hpp"

namespace dboot {

/// What the command line says in the place of the image.
struct ImageOverrides {
  std::optional<std::string> entrypoint;  ///< one word; empty: no Entrypoint
  std::vector<std::string> environment;   ///< NAME=value, or NAME
  std::string working_directory;          ///< absolute; empty: what the image says
};

/// As `docker run` combines them: another Entrypoint takes the image's Cmd away too, a variable
/// takes the place of the image's, and NAME alone is given the value that it has in the environment
/// of this process, or is taken away where it has none.
ImageConfig with_overrides(ImageConfig image, const ImageOverrides& overrides);

}  // namespace dboot
