#pragma once

/// Code that fills every register with known values and finds out whether something touched them.
namespace canary {

/// Returned when a register, the extended state or the red zone is not what it was.
inline constexpr long corrupted = 0xdead;

/// Makes a system call (number, four arguments) between setting and checking; its result.
extern "C" long canary_syscall(long number, long first, long second, long third, long fourth);

/// Counts to `rounds` in user space alone between setting and checking; 0.
extern "C" long canary_spin(long rounds);

/// Includes the upper halves of the AVX registers from now on, where the processor has them.
void include_avx();

}  // namespace canary
