#pragma once

#include "payload/children/children.hpp"
#include "payload/processes/old_processes.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

/// What the log says of the processes that end.
namespace dboot::account {

/// At trace.
void note_found(Log& log, const OldProcess& process);

/// Who has been asked and has not ended yet; of many, the first.
void name_those_waited_for(Log& log, const OldProcesses& processes);

/// How many of each class were asked to end, and who did not within the grace period.
void tell_answers(Log& log, const OldProcesses& processes);

/// Who was found when all had been stopped since new ones kept coming: of them the first, which may
/// be one of their kind.
void tell_restless(Log& log, const OldProcesses::Found& found);

/// Who is still there: in which state, where in the kernel, and what it keeps mounted.
Task<> name_survivors(Log& log, Children& children, const OldProcesses& processes);

}  // namespace dboot::account
