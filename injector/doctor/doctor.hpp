#pragma once

#include "injector/options.hpp"

/// --doctor: looks at this machine, and says whether a takeover would work.
namespace dboot::doctor {

/// Prints what it finds, with the image where the options name one. Changes nothing. The exit
/// status: 0 when a takeover would work, else exit_status::failed. Throws Failure when nobody takes
/// what is printed, or the user interrupts.
int run(const Options& options);

}  // namespace dboot::doctor
