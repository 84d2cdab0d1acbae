#pragma once

#include <memory>
#include <string>
#include <vector>

#include "injector/options.hpp"

namespace CLI {
class App;
}

/// What the command line may have, and what --help says of it.
namespace dboot::options {

/// The values as they are on the command line, where they are not those of Options.
struct Raw {
  std::string start = "auto";
  std::string log_level = "info";
  std::size_t quieter = 0;  ///< how often -q was given
  std::size_t louder = 0;   ///< the same of -v
  std::vector<std::string> env_files;
  std::string confirm_within;
  std::string grace = "10s";
  std::string entrypoint;
  std::string root_size;
  std::vector<std::string> copies;
  std::vector<std::string> hooks;
  std::string hook_timeout = "60s";
  std::vector<std::string> breakpoints;
  std::string break_timeout = "10m";
};

/// Each option with its group, its words in --help and what its value must be like. The values go
/// to `options` and `raw`, which live as long as `app` parses.
void declare(CLI::App& app, Options& options, Raw& raw);

}  // namespace dboot::options
