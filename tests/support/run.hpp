#pragma once

#include <string>
#include <vector>

namespace dboot {

/// Runs a program and waits for its end. Returns what it wrote on stdout, without the last line
/// end. Throws std::runtime_error with all its output unless it ends with status 0.
std::string run(const std::vector<std::string>& words);

}  // namespace dboot
