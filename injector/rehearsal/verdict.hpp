#pragma once

#include "injector/rehearsal/payload_log.hpp"
#include "shared/plan/plan.hpp"

namespace dboot {

/// Tells the person who has rehearsed how PID 1 has ended, as far as its record says, and what
/// would have come of it on a machine. `status`: of PID 1 (wait(2)). `is_saved`: the record is
/// kept.
void report_verdict(int status, const PayloadLog& log, const Plan& plan, bool is_saved);

}  // namespace dboot
