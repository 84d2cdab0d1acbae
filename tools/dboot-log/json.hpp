#pragma once

#include <string>

#include "tools/dboot-log/account.hpp"
#include "tools/dboot-log/comparison.hpp"

namespace dboot {

/// One object in one line (dboot-log(1)).
std::string json(const Account& account);
std::string json(const Comparison& comparison);

}  // namespace dboot
