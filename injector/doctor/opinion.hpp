#pragma once

#include <cstdint>
#include <vector>

#include "injector/doctor/finding.hpp"
#include "injector/forecast/forecast.hpp"
#include "shared/proc/process_status.hpp"

/// What is to be thought of what was found. All of it is pure.
namespace dboot::doctor {

/// Of PID 1, its children, and how many descriptors it has open. A systemd that has crashed closes
/// them and stands still (src/core/crash-handler.c, freeze()); others collect no children any more.
Finding on_init(const std::vector<ProcessStatus>& processes, std::size_t descriptors);

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
