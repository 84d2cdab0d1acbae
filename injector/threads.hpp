#pragma once

#include <functional>
#include <thread>

/// Threads of the injector: they get no signals, which belong to the main thread, and they have
/// ended before anything enters another namespace.
namespace dboot::threads {

/// Processors that this process may run on (sched_getaffinity(2)), at least one.
unsigned processors() noexcept;

/// A thread in which every signal is blocked. Throws std::system_error.
std::jthread start(std::function<void()> work);

/// Runs `work` in `count` threads at the same time, waits for all of them, and throws the first
/// exception that one of them has thrown. `stop` is called when there is one: the others shall end
/// soon.
void run(unsigned count, const std::function<void()>& work, const std::function<void()>& stop);

}  // namespace dboot::threads
