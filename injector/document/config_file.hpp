#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "injector/image/image_config.hpp"

/// An image's configuration as JSON: "config.md" of the OCI image specification, which Docker's
/// archives and the engine's answers share.
namespace dboot::image {

struct ConfigFile {
  ImageConfig config;
  std::string variant;                ///< of the architecture: "v7"
  std::vector<std::string> diff_ids;  ///< digests of the layers as plain tars, lowest first
};

/// The process, from the object that is "config" in a file and "Config" in the engine's answers.
/// Throws BadDocument.
ImageConfig process_config(const boost::json::value& config);

/// A whole file. Throws BadDocument.
ConfigFile parse_config_file(std::string_view text);

}  // namespace dboot::image
