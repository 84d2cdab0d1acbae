#include "injector/inject/address_space.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "shared/system/syscalls.hpp"

namespace dboot::inject {
namespace {

constexpr std::size_t piece_size = std::size_t{1} << 20;

std::string_view next_field(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::size_t length = std::min(line.find(' '), line.size());
  const std::string_view field = line.substr(0, length);
  line.remove_prefix(length);
  return field;
}

bool parse_hex(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc{} && end == text.data() + text.size();
}

bool parse_mapping(std::string_view line, Mapping& mapping) {
  const std::string_view range = next_field(line);
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos || !parse_hex(range.substr(0, dash), mapping.begin) ||
      !parse_hex(range.substr(dash + 1), mapping.end)) {
    return false;
  }
  const std::string_view access = next_field(line);
  if (access.size() != 4) return false;
  mapping.readable = access[0] == 'r';
  mapping.writable = access[1] == 'w';
  mapping.executable = access[2] == 'x';
  for (int skipped = 0; skipped < 3; ++skipped) next_field(line);  // offset, device, inode
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  mapping.name = line;
  return true;
}

void search(int memory, const Mapping& mapping, arch::Code& code) {
  const std::size_t overlap = arch::longest_sequence - 1;
  std::uint64_t at = mapping.begin;
  while (at < mapping.end && !code.complete()) {
    const std::size_t size = std::min<std::uint64_t>(piece_size, mapping.end - at);
    const std::vector<std::byte> text = read_memory(memory, at, size);
    arch::find_code(text, at, code);
    if (text.size() < size || at + size == mapping.end) return;
    at += size - overlap;
  }
}

UniqueFd open_memory(int proc) {
  return sys::open_at(proc, "mem", O_RDONLY);
}

}  // namespace

std::vector<Mapping> parse_maps(std::string_view maps) {
  std::vector<Mapping> mappings;
  while (!maps.empty()) {
    const std::size_t length = std::min(maps.find('\n'), maps.size());
    Mapping mapping;
    if (parse_mapping(maps.substr(0, length), mapping)) mappings.push_back(std::move(mapping));
    maps.remove_prefix(std::min(length + 1, maps.size()));
  }
  return mappings;
}

std::vector<std::byte> read_memory(int memory, std::uint64_t address, std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::pread(memory, bytes.data() + done, size - done, static_cast<off_t>(address + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // EIO: a mapping beyond the end of its file
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

AddressSpace read_address_space(int proc) {
  AddressSpace space;
  space.mappings = parse_maps(sys::read_file_at(proc, "maps"));
  const UniqueFd memory = open_memory(proc);
  for (const Mapping& mapping : space.mappings) {
    if (space.code.complete()) break;
    if (!mapping.executable || !mapping.readable || mapping.writable) continue;
    if (mapping.name == "[vsyscall]") continue;  // emulated: traps on anything but its entries
    search(memory.get(), mapping, space.code);
  }
  return space;
}

bool still_there(int proc, const arch::Code& code) {
  const UniqueFd memory = open_memory(proc);
  return std::ranges::all_of(
      std::initializer_list<std::uint64_t arch::Code::*>{
          &arch::Code::syscall, &arch::Code::syscall_return, &arch::Code::signal_return},
      [&](auto sequence) {
        const std::uint64_t address = code.*sequence;
        if (address == 0) return true;
        arch::Code now;
        arch::find_code(read_memory(memory.get(), address, arch::longest_sequence), address, now);
        return now.*sequence == address;
      });
}

}  // namespace dboot::inject
