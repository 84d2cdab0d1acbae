#pragma once

#include <string_view>

#include "payload/context.hpp"
#include "payload/task.hpp"

namespace dboot {

/// The one place where a phase of the sequence begins and ends: the log's lines carry its name (the
/// literal must outlive the log), and it leaves its start, and its end or its failure, with the
/// time that it took. Throws what `work` throws.
Task<> run_phase(Context& context, std::string_view name, Task<> work);

}  // namespace dboot
