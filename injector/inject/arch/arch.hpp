#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "injector/inject/program.hpp"

/// What of the injection depends on the processor. Each architecture is one file that implements
/// this header; nothing else knows registers, instructions or the layout of a signal frame.
namespace dboot::inject::arch {

/// The e_machine of the programs that can be taken over (elf(5)).
extern const std::uint16_t elf_machine;

/// NT_PRSTATUS.
using Registers = ::user_regs_struct;

/// Instructions found in the target's text, by address; 0 is not found.
struct Code {
  std::uint64_t syscall = 0;         ///< enters the kernel
  std::uint64_t syscall_return = 0;  ///< the same, followed by a return to the caller
  std::uint64_t signal_return = 0;   ///< rt_sigreturn: what libc gives as signal restorer

  bool restores_itself() const noexcept { return syscall_return != 0 && signal_return != 0; }
  bool complete() const noexcept { return syscall != 0 && restores_itself(); }
};

/// The longest of the sequences, so that a search in pieces lets them overlap by one byte less.
inline constexpr std::size_t longest_sequence = 16;

/// Fills what `code` still lacks from `text`, which lies at `address` in the target.
void find_code(std::span<const std::byte> text, std::uint64_t address, Code& code);

/// Everything of a stopped thread that a system call or a signal handler can change.
struct State {
  Registers registers{};
  std::vector<std::byte> extended;  ///< floating point and vector registers, as ptrace gives them
  std::uint64_t signal_mask = 0;
};

/// Reads the state of a tracee in a stop. Throws std::system_error, and Failure when it does not
/// run in the mode that this program was built for (32-bit).
State read_state(pid_t pid);
/// One PTRACE_SETREGSET: either all of them change or none. Throws std::system_error.
void write_registers(pid_t pid, const Registers& registers);

/// An execve that a stopped thread is made to call.
struct Call {
  std::uint64_t address = 0;        ///< where `bytes` go: below the stack, and below its red zone
  std::vector<std::byte> bytes;     ///< signal frame, strings, pointers
  Registers registers{};            ///< what starts it
  std::uint64_t stack_pointer = 0;  ///< in `registers`: below everything that must survive
  std::uint64_t instruction = 0;    ///< the system call instruction
  std::uint64_t after = 0;          ///< the instruction pointer when execve has failed
  bool restores_itself = false;     ///< a failed execve returns to `state` without the tracer
};

/// `code` must have `syscall`. With the other two as well the call restores itself: `bytes` hold a
/// signal frame of `state`, with an interrupted system call already set up to be restarted
/// (signal(7)), and a failed execve returns into rt_sigreturn.
Call build_execve(const State& state, const Code& code, const Program& program);

std::uint64_t stack_pointer(const Registers& registers) noexcept;
std::uint64_t instruction_pointer(const Registers& registers) noexcept;
/// What the system call that the thread has just left returned.
std::int64_t syscall_result(const Registers& registers) noexcept;

}  // namespace dboot::inject::arch
