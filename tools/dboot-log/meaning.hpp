#pragma once

#include <initializer_list>
#include <string_view>

#include "shared/log/record.hpp"

/// What a record tells by its message. Those of payloads of somebody's own tell nothing.
namespace dboot::meaning {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> texts);

/// Phases that are not dboot-init's.
bool is_the_injectors(std::string_view phase);
bool is_of_the_new_system(std::string_view phase);

/// Of a phase.
bool is_the_end_of(const log::Record& record);
/// Something of the old system has been let go of.
bool frees(const log::Record& record);
/// Something of it has not.
bool stays_busy(const log::Record& record);
/// Something was not done.
bool leaves_out(const log::Record& record);

}  // namespace dboot::meaning
