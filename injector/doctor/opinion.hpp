#pragma once

#include <cstdint>
#include <vector>

#include "injector/doctor/finding.hpp"
#include "injector/forecast/forecast.hpp"
#include "shared/proc/process_status.hpp"

/// What is to be thought of what was found. All of it is pure.
namespace dboot::doctor {

/// Of PID 1 and its children. An init that has crashed collects none of those that have ended.
Finding on_init(const std::vector<ProcessStatus>& processes);

/// `needed` bytes for an image; 0: there is none, or nobody knows.
Finding on_memory(std::uint64_t available, std::uint64_t needed);

/// One for each disk that is in use.
Findings on_disks(const forecast::Host& host);

Finding on_consoles(const ConsoleChoice& consoles);

/// Links and addresses, and who takes them along.
Findings on_network(const forecast::Network& network);

/// What is gone afterwards, and what takes its time to end.
Findings on_what_ends(const forecast::Host& host);

}  // namespace dboot::doctor
