#include "tests/bench/log_time.hpp"

#include <regex>
#include <stdexcept>

namespace dboot::bench {

double time_of(const std::string& log, const std::string& line) {
  std::smatch found;
  if (!std::regex_search(log, found, std::regex("\\[([0-9.]+)\\] info " + line)))
    throw std::runtime_error("no '" + line + "' in the log:\n" + log);
  return std::stod(found[1]);
}

}  // namespace dboot::bench
