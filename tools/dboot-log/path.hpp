#pragma once

#include <string>
#include <vector>

#include "tools/dboot-log/account.hpp"

/// What a takeover's time went to.
namespace dboot::path {

/// A time in which nothing was written, until `record`. Of a phase's, the longest are kept.
void add(Account::Phase& phase, Time began, Time took, const log::Record& record);
/// A process has ended. What was waited for one after the other is kept: a process takes the place
/// of those that have ended in the time in which it was waited for itself.
void add(Account::Phase& phase, const Account::Process& process);

struct Step {
  std::string phase;
  Time began{0};
  Time took{0};
  std::string what;  ///< escaped
};
/// From the first step to the last, without those below a fiftieth of the whole.
std::vector<Step> critical(const Account& account);

}  // namespace dboot::path
