#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "shared/system/unique_fd.hpp"

/// Processes that the injector starts and waits for.
namespace dboot::child_process {

/// A file in memory that a child writes and this process reads. Throws std::system_error.
UniqueFd make_memory(const char* name);
/// What it has in it, 1 MiB at most. Never throws.
std::string content_of(int fd);

/// Its status, as wait(2) has it.
int wait_for(pid_t child);
/// Waits until it has ended (`pidfd`) or its time is over, and kills it then; also where the user
/// interrupts, and throws Failure. True when it has ended by itself; `status` is how.
bool end_in_time(pid_t child, int pidfd, std::chrono::seconds patience, int& status);

}  // namespace dboot::child_process
