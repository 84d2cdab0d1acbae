#pragma once

#include <string_view>

#include "payload/processes/census.hpp"

namespace dboot {

/// Whom kill_all() leaves, besides storage daemons.
enum class Sparing : bool {
  nobody,
  the_last,  ///< those that end after everybody else, see goes_last()
};

/// SIGKILL. `why`: a literal, for the log; the first reason counts.
void kill(OldProcesses& processes, OldProcess& process, std::string_view why);

/// SIGKILL to everybody, until nobody is left, or until `end`. Where new ones keep coming they are
/// all stopped first, so that nobody starts another one, unless somebody is spared who would take
/// that for a key of his (job control of a shell).
Task<> kill_all(Log& log, Children& children, Census& census, Sparing sparing,
                Census::TimePoint end);

}  // namespace dboot
