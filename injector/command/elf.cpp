#include "injector/command/elf.hpp"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <climits>
#include <cstring>
#include <string_view>
#include <vector>

#include "injector/failure.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::elf {
namespace {

using Header = Elf64_Ehdr;
using Segment = Elf64_Phdr;

#if defined(__x86_64__)
constexpr std::uint16_t native_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr std::uint16_t native_machine = EM_AARCH64;
#else
#error "a new processor: say which machine its programs are for"
#endif

constexpr std::uint64_t page = 4096;
// TASK_SIZE_MAX of x86-64 without, and of aarch64 with less than, the widest page tables.
constexpr std::uint64_t address_end = (std::uint64_t{1} << 47U) - page;

/// Reads up to `size` bytes; fewer at the end of the file. Throws std::system_error.
std::size_t read_at(int fd, void* buffer, std::size_t size, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = ::pread(fd, static_cast<char*>(buffer) + done, size - done,
                                  static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (sys::check(count, "read the program") == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

bool fits(std::uint64_t offset, std::uint64_t size, std::uint64_t end) {
  return offset <= end && size <= end - offset;
}

std::vector<Segment> read_segments(int fd, const Header& header, std::uint64_t file_size) {
  if (header.e_phentsize != sizeof(Segment)) throw Error("its segment headers have another size");
  if (header.e_phnum == 0) throw Error("it has no segments");
  const std::size_t size = sizeof(Segment) * header.e_phnum;
  if (size > 65536) throw Error("it has too many segments");  // elf_read's limit: 64 KiB
  std::vector<Segment> segments(header.e_phnum);
  if (!fits(header.e_phoff, size, file_size) ||
      read_at(fd, segments.data(), size, header.e_phoff) != size) {
    throw Error("it is cut off in the table of its segments");
  }
  return segments;
}

void check_load(const Segment& segment, std::uint64_t file_size, std::uint64_t& end_of_last) {
  if (segment.p_filesz > segment.p_memsz)
    throw Error("a segment is larger in the file than in memory");
  if (!fits(segment.p_offset, segment.p_filesz, file_size)) {
    throw Error("it is cut off: a segment ends at " +
                std::to_string(segment.p_offset + segment.p_filesz) + ", the file at " +
                std::to_string(file_size));
  }
  if (!fits(segment.p_vaddr, segment.p_memsz, address_end)) {
    throw Error("a segment lies outside of the address range");
  }
  if (segment.p_align > 1 && !std::has_single_bit(segment.p_align)) {
    throw Error("the alignment of a segment is no power of two");
  }
  if (segment.p_vaddr % page != segment.p_offset % page) {
    throw Error("a segment cannot be mapped: its address does not match its offset");
  }
  if (segment.p_vaddr < end_of_last) throw Error("its segments overlap or are out of order");
  end_of_last = segment.p_vaddr + segment.p_memsz;
}

std::string read_interpreter(int fd, const Segment& segment, std::uint64_t file_size) {
  std::array<char, PATH_MAX> path{};
  if (segment.p_filesz < 2 || segment.p_filesz > path.size() ||
      !fits(segment.p_offset, segment.p_filesz, file_size) ||
      read_at(fd, path.data(), segment.p_filesz, segment.p_offset) != segment.p_filesz ||
      path[segment.p_filesz - 1] != '\0') {
    throw Error("the name of its interpreter is damaged");
  }
  return path.data();
}

void check_native(int fd, const Header& header, Program& program) {
  struct stat status {};
  sys::check(::fstat(fd, &status), "stat the program");
  const auto file_size = static_cast<std::uint64_t>(status.st_size);
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) throw Error("it is no program");

  std::uint64_t end_of_last = header.e_type == ET_EXEC ? page : 0;
  bool loads = false;
  bool entry = false;
  for (const auto& segment : read_segments(fd, header, file_size)) {
    if (segment.p_type == PT_INTERP && program.interpreter.empty()) {
      program.interpreter = read_interpreter(fd, segment, file_size);
    }
    if (segment.p_type != PT_LOAD) continue;
    check_load(segment, file_size, end_of_last);
    loads = true;
    entry = entry || ((segment.p_flags & PF_X) != 0 && header.e_entry >= segment.p_vaddr &&
                      header.e_entry - segment.p_vaddr < segment.p_memsz);
  }
  if (!loads) throw Error("it has nothing to load");
  if (!entry) throw Error("its entry point lies in no executable segment");
}

/// In the bytes of a segment of notes: each has its sizes, its owner and what it says, both filled
/// up to the alignment.
std::optional<std::string> find_note_in(std::string_view bytes, std::size_t alignment,
                                        std::string_view owner, std::uint32_t type) {
  const auto filled = [&](std::size_t size) {
    return (size + alignment - 1) / alignment * alignment;
  };
  while (bytes.size() > sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note{};
    std::memcpy(&note, bytes.data(), sizeof note);
    const std::size_t text_at = filled(sizeof note + note.n_namesz);
    if (!fits(text_at, note.n_descsz, bytes.size())) break;
    const std::string name(bytes.substr(sizeof note, note.n_namesz));
    if (note.n_type == type && name.c_str() == owner)
      return std::string(bytes.substr(text_at, note.n_descsz));
    bytes.remove_prefix(std::min(filled(text_at + note.n_descsz), bytes.size()));
  }
  return std::nullopt;
}

std::string_view machine_name(std::uint16_t machine) {
  switch (machine) {
    case EM_386:
      return "x86";
    case EM_X86_64:
      return "x86-64";
    case EM_ARM:
      return "ARM";
    case EM_AARCH64:
      return "AArch64";
    case EM_RISCV:
      return "RISC-V";
    case EM_PPC:
      return "PowerPC";
    case EM_PPC64:
      return "PowerPC 64";
    case EM_S390:
      return "S/390";
    case EM_MIPS:
      return "MIPS";
    case EM_LOONGARCH:
      return "LoongArch";
    default:
      return {};
  }
}

}  // namespace

std::optional<Program> read(int fd) {
  Header header{};
  const std::size_t size = read_at(fd, &header, sizeof header, 0);
  if (size < SELFMAG || std::memcmp(&header.e_ident, ELFMAG, SELFMAG) != 0) return {};
  // e_machine has the same place in both classes.
  if (size < offsetof(Header, e_machine) + sizeof header.e_machine) {
    throw Error("it is cut off in its header");
  }
  Program program;
  program.bits = header.e_ident[EI_CLASS] == ELFCLASS32 ? 32 : 64;
  const bool swapped =
      (header.e_ident[EI_DATA] == ELFDATA2MSB) == (std::endian::native == std::endian::little);
  program.machine = swapped ? __builtin_bswap16(header.e_machine) : header.e_machine;
  if (swapped || !is_native(program)) return program;
  if (size < sizeof header) throw Error("it is cut off in its header");
  check_native(fd, header, program);
  return program;
}

Program check_loadable(int fd, const std::string& name) {
  const std::string mend = "replace the file; PID 1 would not survive it";
  try {
    const auto program = read(fd);
    if (!program) throw Failure(name + " is no ELF program", mend);
    if (!is_native(*program)) {
      throw Failure(name + " is a " + describe(*program) + " program, and this machine runs " +
                        describe(native()),
                    "take one that was built for this machine");
    }
    return *program;
  } catch (const Error& error) {
    throw Failure(name + " is damaged: " + error.what(), mend);
  }
}

std::optional<std::string> find_note(int fd, std::string_view owner, std::uint32_t type) {
  constexpr std::uint64_t most = 65536;
  struct stat status {};
  sys::check(::fstat(fd, &status), "stat the program");
  Header header{};
  read_at(fd, &header, sizeof header, 0);
  for (const auto& segment :
       read_segments(fd, header, static_cast<std::uint64_t>(status.st_size))) {
    if (segment.p_type != PT_NOTE || segment.p_filesz > most) continue;
    std::string bytes(segment.p_filesz, '\0');
    bytes.resize(read_at(fd, bytes.data(), bytes.size(), segment.p_offset));
    if (auto note = find_note_in(bytes, segment.p_align == 8 ? 8 : 4, owner, type)) return note;
  }
  return std::nullopt;
}

Program native() {
  return {64, native_machine, {}};
}

bool is_native(const Program& program) noexcept {
  return program.bits == 64 && program.machine == native_machine;
}

std::string describe(const Program& program) {
  const auto name = machine_name(program.machine);
  return std::to_string(program.bits) + "-bit " +
         (name.empty() ? "machine " + std::to_string(program.machine) : std::string(name));
}

}  // namespace dboot::elf
