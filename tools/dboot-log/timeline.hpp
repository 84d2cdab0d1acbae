#pragma once

#include <string>

#include "tools/dboot-log/account.hpp"

namespace dboot {

/// A picture of the takeover (SVG 1.1, 1000 units wide): phases as bars, each of the slowest
/// processes from being asked to its end, what was freed as ticks, the point of no return and the
/// pivot as lines through all of it. In dark mode its colours are others.
std::string timeline(const Account& account);

}  // namespace dboot
