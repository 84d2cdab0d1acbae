#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

/// Just enough of ELF to say why the kernel would not run a program, before it is asked to.
/// Reference: elf(5), and load_elf_binary in the kernel's fs/binfmt_elf.c.
namespace dboot::elf {

struct Program {
  std::uint8_t bits = 64;     ///< 32 or 64
  std::uint16_t machine = 0;  ///< EM_…
  std::string interpreter;    ///< PT_INTERP; empty for a static program
};

/// What is wrong with a program.
class Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Reads the program with pread(2). Empty when the file does not begin with the magic of ELF. A
/// program for this machine is checked to the end: throws Error when it is damaged (a truncated
/// header or table, a segment outside of the file or of the address range, no entry point).
std::optional<Program> read(int fd);

/// As above, and it must be an ELF program and for this machine. Throws Failure that names it.
Program check_loadable(int fd, const std::string& name);

/// What the note of that owner and type says (elf(5), "Notes"); empty when there is none. `fd`: of
/// a program that is loadable. Throws std::system_error.
std::optional<std::string> find_note(int fd, std::string_view owner, std::uint32_t type);

/// What programs of this machine are.
Program native();
/// True when the kernel of this machine runs it.
bool is_native(const Program& program) noexcept;

/// "64-bit AArch64", for messages.
std::string describe(const Program& program);

}  // namespace dboot::elf
