#pragma once

#include <string>
#include <vector>

/// Names of images as Docker has them.
namespace dboot::image {

/// Without what goes without saying in front, and with the tag: "debian:latest" for
/// "docker.io/library/debian".
std::string normal_name(std::string name);

/// For a message: the first ten of them, and how many more there are; "nothing" for none.
std::string list_of_some(const std::vector<std::string>& names);

}  // namespace dboot::image
