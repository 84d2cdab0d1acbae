#pragma once

#include <string>
#include <vector>

namespace dboot::env_file {

/// The variables in a file as `docker run --env-file` takes it: NAME=VALUE a line, without quotes;
/// NAME alone takes its value along, if it has one here. Empty lines and those that begin with #
/// are passed over. Throws Failure, with the line.
std::vector<std::string> read(const std::string& file);

/// The same of the file's text. `file` is for messages.
std::vector<std::string> parse(const std::string& text, const std::string& file);

}  // namespace dboot::env_file
