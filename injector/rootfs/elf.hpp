#pragma once

#include <cstdint>
#include <optional>
#include <string>

/// Just enough of ELF to say why the kernel would not run a program, before it is asked to.
/// Reference: elf(5), and load_elf_binary in the kernel's fs/binfmt_elf.c.
namespace dboot::elf {

struct Program {
  std::uint8_t bits = 64;     ///< 32 or 64
  std::uint16_t machine = 0;  ///< EM_…
  std::string interpreter;    ///< PT_INTERP; empty for a static program
};

/// Reads the program with pread(2). Empty when the file does not begin with the magic of ELF.
/// Throws Failure, status 126, when it does and is no program for any Linux, or is damaged: a
/// truncated header or table, a segment outside of the file or of the address range. `name` is for
/// messages.
std::optional<Program> read(int fd, const std::string& name);

/// As above, and it must be a program for this machine. Throws Failure, status 126.
Program check_loadable(int fd, const std::string& name);

/// True when the kernel of this machine runs it.
bool is_native(const Program& program) noexcept;

/// "64-bit AArch64", for messages.
std::string describe(const Program& program);

}  // namespace dboot::elf
