#include "injector/from_host/firmware.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "injector/stream/decompress.hpp"
#include "injector/stream/file_stream.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs::firmware {
namespace {

constexpr std::string_view key = "firmware=";
/// More than the biggest module of any distribution: a file that claims more is none.
constexpr std::size_t most_bytes = 256U << 20U;

template <class Struct>
std::optional<Struct> read_struct(std::string_view bytes, std::uint64_t offset) {
  Struct value{};
  if (offset > bytes.size() || bytes.size() - offset < sizeof value) return {};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string_view part(std::string_view bytes, std::uint64_t offset, std::uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return {};
  return bytes.substr(offset, size);
}

bool is_pattern(const std::string& name) {
  return name.find_first_of("*?[") != std::string::npos;
}

}  // namespace

std::vector<std::string> names_in(std::string_view modinfo) {
  std::vector<std::string> names;
  while (!modinfo.empty()) {
    const auto text = modinfo.substr(0, modinfo.find('\0'));
    modinfo.remove_prefix(std::min(text.size() + 1, modinfo.size()));
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    const auto name = text.substr(0, equals + 1);
    if (name != key && !name.ends_with(std::string(".") + std::string(key))) continue;
    names.emplace_back(text.substr(equals + 1));
  }
  return names;
}

std::string_view modinfo_of(std::string_view module) {
  const auto header = read_struct<Elf64_Ehdr>(module, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return {};
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_shentsize != sizeof(Elf64_Shdr))
    return {};
  const auto section = [&](std::uint64_t index) {
    return read_struct<Elf64_Shdr>(module, header->e_shoff + index * sizeof(Elf64_Shdr));
  };
  const auto names = section(header->e_shstrndx);
  if (!names) return {};
  const auto text = part(module, names->sh_offset, names->sh_size);
  for (std::uint64_t index = 0; index < header->e_shnum; ++index) {
    const auto candidate = section(index);
    if (!candidate || candidate->sh_name >= text.size()) continue;
    const auto name = text.substr(candidate->sh_name);
    if (name.substr(0, name.find('\0')) == ".modinfo")
      return part(module, candidate->sh_offset, candidate->sh_size);
  }
  return {};
}

std::string read_module(int directory, const std::string& file) {
  auto fd = sys::open_at(directory, file, O_RDONLY);
  const auto stream = decompress(file_stream(std::move(fd), file), file);
  std::string content;
  for (auto bytes = stream->next(); !bytes.empty(); bytes = stream->next()) {
    if (content.size() > most_bytes) throw std::runtime_error(file + " is too large for a module");
    content.append(bytes.data(), bytes.size());
  }
  return content;
}

bool is_one_of(const std::string& file, const std::set<std::string>& names) {
  std::string plain = file;
  for (const std::string_view suffix : {".xz", ".zst"})
    if (plain.ends_with(suffix)) plain.resize(plain.size() - suffix.size());
  if (names.contains(plain) || names.contains(file)) return true;
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return is_pattern(name) && ::fnmatch(name.c_str(), plain.c_str(), 0) == 0;
  });
}

}  // namespace dboot::rootfs::firmware
