#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Options that people know from `docker run`, and that mean nothing for a whole machine.
namespace dboot::run_options {

struct Advice {
  std::string why;
  std::string mend;
};

/// About "--volume", "--volume=/a:/b", "-v" or "-it"; empty for what is none of these options.
std::optional<Advice> about(std::string_view option);

}  // namespace dboot::run_options
