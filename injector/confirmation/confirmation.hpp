#pragma once

#include <chrono>
#include <vector>

#include "injector/forecast/forecast.hpp"
#include "injector/options.hpp"
#include "injector/staging.hpp"

/// That the machine comes back by itself when nobody confirms the new system (--confirm-within).
namespace dboot::confirmation {

/// How long somebody has for that; 0: nobody has to. By default ten minutes for who has come over
/// ssh and can log in again (`can_log_in`), with the payload of this program; never in a rehearsal.
std::chrono::seconds time_for(const Options& options, bool can_log_in);

/// What may keep the machine from coming back by itself, or from noticing that it must not. Never
/// throws: what cannot be looked at is one of them.
std::vector<forecast::Obstacle> obstacles(const forecast::Disks& disks);

/// Puts in place what it takes: dboot-confirm, in the new root as well, and the kernel's watchdog
/// in software where the machine has none. Throws std::system_error, Failure.
void stage(const Staging& staging);

}  // namespace dboot::confirmation
