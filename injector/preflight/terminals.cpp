#include "injector/preflight/terminals.hpp"

#include <unistd.h>

#include "injector/failure.hpp"
#include "shared/log/destination.hpp"

namespace dboot::terminals {
namespace {

void require_one(const std::string& option, const std::string& name, const std::string& directory) {
  if (::access((directory + '/' + name).c_str(), F_OK) == 0) return;
  throw Failure("there is no terminal " + name + " on this machine, which " + option + " names",
                "take one of those in " + directory + "; " + directory +
                    "/console/active has those that the kernel writes to");
}

}  // namespace

void require(const std::string& console, const std::vector<std::string>& log_to,
             const std::string& directory) {
  if (::access(directory.c_str(), F_OK) != 0) return;
  if (console != "auto" && console != "none") require_one("--console", console, directory);
  for (const auto& text : log_to) {
    const auto destination = log::parse_destination(text);
    if (destination && destination->kind == log::Destination::Kind::terminal)
      require_one("--log-to", destination->name, directory);
  }
}

}  // namespace dboot::terminals
