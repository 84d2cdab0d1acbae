#include "tests/hostile/raw_tar.hpp"

#include <elf.h>

#include <cstdio>
#include <cstring>

namespace dboot::hostile {
namespace {

constexpr std::size_t block = 512;

std::string octal(std::uint64_t number, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*llo", digits, static_cast<unsigned long long>(number));
  return text;
}

void put(std::string& header, std::size_t offset, std::size_t size, const std::string& value) {
  header.replace(offset, std::min(size, value.size()), value, 0, size);
}

std::string padded(std::string bytes) {
  bytes.resize((bytes.size() + block - 1) / block * block);
  return bytes;
}

}  // namespace

RawTar& RawTar::add(const Entry& entry) {
  std::string header(block, '\0');
  put(header, 0, 100, entry.name);
  put(header, 100, 8, octal(entry.mode, 7));
  put(header, 108, 8, octal(0, 7));
  put(header, 116, 8, octal(0, 7));
  put(header, 124, 12, entry.size_field.value_or(octal(entry.content.size(), 11)));
  put(header, 136, 12, octal(1'000'000'000, 11));
  put(header, 148, 8, "        ");
  header[156] = entry.type;
  put(header, 157, 100, entry.link);
  put(header, 257, 8, std::string("ustar\00000", 8));
  put(header, 329, 8, octal(entry.device_major, 7));
  put(header, 337, 8, octal(entry.device_minor, 7));
  unsigned sum = 0;
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  put(header, 148, 7, octal(sum, 6));
  bytes_ += header + padded(entry.content);
  return *this;
}

RawTar& RawTar::pax(const Records& records) {
  std::string content;
  for (const auto& [key, value] : records) {
    // The length of a record includes its own digits.
    const std::size_t rest = key.size() + value.size() + 3;
    std::size_t length = rest + 1;
    while (std::to_string(length).size() + rest != length) ++length;
    content += std::to_string(length) + " " + key + "=" + value + "\n";
  }
  return add({"pax", 'x', content});
}

RawTar& RawTar::bytes(const std::string& raw) {
  bytes_ += raw;
  return *this;
}

RawTar& RawTar::file(const std::string& name, const std::string& content, unsigned mode) {
  return add({name, '0', content, {}, mode});
}
RawTar& RawTar::directory(const std::string& name, unsigned mode) {
  return add({name, '5', {}, {}, mode});
}
RawTar& RawTar::symlink(const std::string& name, const std::string& target) {
  return add({name, '2', {}, target, 0777});
}
RawTar& RawTar::hardlink(const std::string& name, const std::string& target) {
  return add({name, '1', {}, target});
}
RawTar& RawTar::fifo(const std::string& name) {
  return add({name, '6'});
}
RawTar& RawTar::character_device(const std::string& name, unsigned major, unsigned minor) {
  return add({name, '3', {}, {}, 0666, {}, major, minor});
}

std::string RawTar::finish() const {
  return bytes_ + std::string(2 * block, '\0');
}

std::string smallest_program() {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof header;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  constexpr Elf64_Addr base = 0x400000;
  header.e_entry = base + sizeof header + sizeof(Elf64_Phdr);
  Elf64_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_flags = PF_R | PF_X;
  segment.p_vaddr = base;
  segment.p_filesz = segment.p_memsz = sizeof header + sizeof segment + 8;
  segment.p_align = 4096;
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) +
         std::string(reinterpret_cast<const char*>(&segment), sizeof segment) +
         std::string(8, '\x90');
}

RawTar system() {
  RawTar tar;
  tar.directory("sbin").file("sbin/init", smallest_program(), 0755);
  return tar;
}

}  // namespace dboot::hostile
