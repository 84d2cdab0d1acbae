#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "injector/inject/arch/arch.hpp"

namespace dboot::inject {

/// One line of /proc/PID/maps (proc_pid_maps(5)).
struct Mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool readable = false;
  bool writable = false;
  bool executable = false;
  std::string name;  ///< path, "[stack]", "[vdso]", or nothing
};

/// Parses the text of a maps file; lines that are none are passed over.
std::vector<Mapping> parse_maps(std::string_view maps);

/// What the injection has to know of a process's memory. To be looked at before the process is
/// stopped: reading /proc/PID/maps waits for whoever holds its mmap_lock.
struct AddressSpace {
  std::vector<Mapping> mappings;
  arch::Code code;
};

/// Reads the mappings and looks the instruction sequences up in the executable ones that nobody
/// writes to. Throws std::system_error.
/// `proc`: the process's directory below /proc.
AddressSpace read_address_space(int proc);

/// The bytes of `size` at `address`; fewer where the memory ends. Throws std::system_error.
std::vector<std::byte> read_memory(int memory, std::uint64_t address, std::size_t size);

/// True when the sequences are still where they were found.
bool still_there(int proc, const arch::Code& code);

}  // namespace dboot::inject
