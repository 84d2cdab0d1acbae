#pragma once

#include <string>

#include "shared/plan/plan.hpp"

/// Reading what the injector has decided.
namespace dboot::plan_file {

/// Reads and checks a plan file. Throws std::exception with the reason why it is refused.
Plan read(const std::string& path);
/// The same; `path` is relative to the directory that is open as `directory`.
Plan read_at(int directory, const std::string& path);

}  // namespace dboot::plan_file
