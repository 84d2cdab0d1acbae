#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "shared/plan/plan.hpp"

/// How a machine gets back to the system on its disk, as a sentence goes on after "the machine".
namespace dboot::way_back {

/// "reboots into the system on its disk".
extern const std::string_view into_the_old;
/// When a supervised command has ended.
std::string after_the_command(OnExit on_exit);
/// When nobody confirms the new system (plan: confirm_within).
std::string without_confirmation(std::chrono::milliseconds within);
/// When a takeover fails behind the point of no return.
std::string after_a_failure(OnFailure on_failure);

}  // namespace dboot::way_back
