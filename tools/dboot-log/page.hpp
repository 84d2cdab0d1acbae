#pragma once

#include <string>

#include "tools/dboot-log/account.hpp"

namespace dboot::page {

/// The account for a person: what came of it, the phases, what took the time, what was ended,
/// freed, stayed busy, was left out. Of a long list the first lines, and how many more there are.
/// Names are escaped.
std::string text(const Account& account);

/// "1.234 s", for a moment.
std::string seconds(Time time);
/// "1.234 s", below a tenth of it "12.3 ms".
std::string duration(Time time);

/// In a sentence: what has come of it.
std::string outcome(const Account& account);

}  // namespace dboot::page
