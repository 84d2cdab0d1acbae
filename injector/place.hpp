#pragma once

#include <string>
#include <string_view>

#include "shared/plan/plan.hpp"

/// Places between two phases of the payload, as the command line has them.
namespace dboot::place {

/// "before:release", for `option`. There is no after:start, where the new system has the machine.
/// Throws Failure.
Place parse(const std::string& option, std::string_view text);

/// There is no after:start.
bool is_possible(const Place& place);

/// Whether the old root is "/" there, and the consoles are known.
bool is_before_pivot(const Place& place);
bool has_console(const Place& place);

}  // namespace dboot::place
