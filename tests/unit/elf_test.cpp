#include "injector/command/elf.hpp"

#include <elf.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <functional>
#include <vector>

#include "injector/failure.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using testing::HasSubstr;

UniqueFd in_memory(const std::string& bytes) {
  UniqueFd fd(sys::check(::memfd_create("elf", MFD_CLOEXEC), "memfd_create"));
  sys::write_all(fd.get(), bytes);
  return fd;
}

std::string own_program() {
  return sys::read_file("/proc/self/exe");
}

/// A static program of one page of headers and code.
struct Image {
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> segments;

  Image() {
    std::memcpy(&header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_machine = elf::native().machine;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_entry = 0x400800;
    Elf64_Phdr code{};
    code.p_type = PT_LOAD;
    code.p_flags = PF_R | PF_X;
    code.p_vaddr = 0x400000;
    code.p_filesz = code.p_memsz = 0x1000;
    code.p_align = 0x1000;
    segments.push_back(code);
  }

  std::string bytes(std::size_t size = 0x1000) {
    header.e_phnum = static_cast<Elf64_Half>(segments.size());
    std::string result(size, '\0');
    std::memcpy(result.data(), &header, sizeof header);
    std::memcpy(result.data() + sizeof header, segments.data(),
                segments.size() * sizeof segments[0]);
    return result;
  }
};

std::string complaint(const std::string& bytes) {
  const auto fd = in_memory(bytes);
  try {
    elf::check_loadable(fd.get(), "payload");
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.status(), 125);
    return failure.what();
  }
  return "loadable";
}

std::string complaint(const std::function<void(Image&)>& damage) {
  Image image;
  damage(image);
  return complaint(image.bytes());
}

TEST(Elf, OwnProgramIsLoadableAndNamesItsInterpreter) {
  const auto program = elf::check_loadable(in_memory(own_program()).get(), "test");
  EXPECT_TRUE(elf::is_native(program));
  EXPECT_THAT(program.interpreter, testing::StartsWith("/lib"));
}

TEST(Elf, StaticProgramHasNoInterpreter) {
  Image image;
  EXPECT_EQ(elf::check_loadable(in_memory(image.bytes()).get(), "x").interpreter, "");
}

/// A program whose second segment is these notes, each 4-aligned unless said otherwise.
std::string with_notes(const std::string& notes, std::uint64_t alignment = 4) {
  Image image;
  Elf64_Phdr segment{};
  segment.p_type = PT_NOTE;
  segment.p_offset = 0x400;
  segment.p_filesz = notes.size();
  segment.p_align = alignment;
  image.segments.push_back(segment);
  return image.bytes().replace(segment.p_offset, notes.size(), notes);
}

std::string note(std::uint32_t owner_size, std::uint32_t size, std::uint32_t type,
                 const std::string& rest) {
  const std::array<std::uint32_t, 3> header{owner_size, size, type};
  return std::string(reinterpret_cast<const char*>(header.data()), sizeof header) + rest;
}

std::optional<std::string> found_in(const std::string& program) {
  return elf::find_note(in_memory(program).get(), "dboot", 1);
}

TEST(Elf, NoteIsFoundByItsOwnerAndType) {
  using namespace std::string_literals;
  const auto other = note(4, 5, 1, "GNU\0aaaaa\0\0\0"s);
  const auto other_type = note(6, 1, 2, "dboot\0\0\0b\0\0\0"s);
  const auto own = note(6, 4, 1, "dboot\0\0\0text"s);
  EXPECT_EQ(found_in(with_notes(own)), "text");
  EXPECT_EQ(found_in(with_notes(other + other_type + own)), "text");
  EXPECT_EQ(found_in(with_notes(other + other_type)), std::nullopt);
  EXPECT_EQ(found_in(Image().bytes()), std::nullopt);
  EXPECT_EQ(
      found_in(with_notes(note(4, 0, 1, "GNU\0"s) + note(6, 4, 1, "dboot\0\0\0\0\0\0\0text"s), 8)),
      "text");
}

TEST(Elf, DamagedNotesAreNone) {
  using namespace std::string_literals;
  const auto own = note(6, 4, 1, "dboot\0\0\0text"s);
  for (std::size_t size = 0; size < own.size(); ++size)
    EXPECT_EQ(found_in(with_notes(own.substr(0, size))), std::nullopt) << size;
  for (const std::uint32_t size : {0x7fffffffU, 0xfffffffcU, 0xffffffffU}) {
    EXPECT_EQ(found_in(with_notes(note(size, 4, 1, "dboot\0\0\0text"s))), std::nullopt);
    EXPECT_EQ(found_in(with_notes(note(6, size, 1, "dboot\0\0\0text"s))), std::nullopt);
  }
}

TEST(Elf, OtherFilesAreNoPrograms) {
  EXPECT_FALSE(elf::read(in_memory("").get()));
  EXPECT_FALSE(elf::read(in_memory("#!/bin/sh\n").get()));
  EXPECT_EQ(complaint("#!/bin/sh\n"), "payload is no ELF program");
}

TEST(Elf, ProgramCutOffAnywhereIsRefused) {
  const std::string whole = own_program();
  Image small;
  const std::string tiny = small.bytes();
  for (std::size_t size = 0; size < tiny.size(); ++size) {
    ASSERT_NE(complaint(tiny.substr(0, size)), "loadable") << size;
  }
  // What follows the last segment (symbols, section headers) is not needed to run.
  for (std::size_t size = 1; size < whole.size() / 2; size = size * 3 + 1) {
    EXPECT_NE(complaint(whole.substr(0, size)), "loadable") << size;
  }
}

TEST(Elf, BadSegmentsAreRefused) {
  const auto first = [](auto change) {
    return complaint([&](Image& image) { change(image.segments[0]); });
  };
  EXPECT_THAT(first([](auto& segment) { segment.p_offset = 0x1000; }), HasSubstr("cut off"));
  EXPECT_THAT(first([](auto& segment) { segment.p_offset = ~0ULL << 12U; }), HasSubstr("cut off"));
  EXPECT_THAT(first([](auto& segment) { segment.p_filesz = segment.p_memsz = ~0ULL; }),
              HasSubstr("cut off"));
  EXPECT_THAT(first([](auto& segment) { segment.p_memsz = 1; }), HasSubstr("larger in the file"));
  EXPECT_THAT(first([](auto& segment) { segment.p_memsz = ~0ULL; }), HasSubstr("address range"));
  EXPECT_THAT(first([](auto& segment) { segment.p_vaddr = 0xffffffff80000000; }),
              HasSubstr("address range"));
  EXPECT_THAT(first([](auto& segment) { segment.p_vaddr = 0x400123; }), HasSubstr("match"));
  EXPECT_THAT(first([](auto& segment) { segment.p_align = 3; }), HasSubstr("power of two"));
  EXPECT_THAT(first([](auto& segment) { segment.p_flags = PF_R; }), HasSubstr("entry point"));
  EXPECT_THAT(first([](auto& segment) { segment.p_type = PT_NOTE; }), HasSubstr("nothing to load"));
  EXPECT_THAT(first([](auto& segment) { segment.p_vaddr = 0; }), HasSubstr("overlap"));
}

TEST(Elf, BadHeadersAreRefused) {
  EXPECT_THAT(complaint([](Image& image) { image.header.e_type = ET_REL; }),
              HasSubstr("no program"));
  EXPECT_THAT(complaint([](Image& image) { image.header.e_phentsize = 32; }), HasSubstr("size"));
  EXPECT_THAT(complaint([](Image& image) { image.header.e_phoff = ~0ULL; }), HasSubstr("cut off"));
  EXPECT_THAT(complaint([](Image& image) { image.header.e_entry = 0; }), HasSubstr("entry point"));
  EXPECT_THAT(complaint([](Image& image) { image.segments.clear(); }), HasSubstr("no segments"));
  EXPECT_THAT(complaint([](Image& image) { image.segments.push_back(image.segments[0]); }),
              HasSubstr("overlap"));
  EXPECT_THAT(complaint([](Image& image) {
                image.segments[0].p_type = PT_INTERP;
                image.segments[0].p_filesz = 0x100;
                image.segments[0].p_offset = 0x2000;
              }),
              HasSubstr("interpreter"));
}

TEST(Elf, ProgramOfAnotherMachineIsRefusedByItsName) {
  EXPECT_THAT(complaint([](Image& image) { image.header.e_machine = EM_AARCH64; }),
              testing::AllOf(HasSubstr("64-bit AArch64"), HasSubstr("this machine runs 64-bit")));
  EXPECT_THAT(complaint([](Image& image) {
                image.header.e_ident[EI_CLASS] = ELFCLASS32;
                image.header.e_machine = EM_386;
              }),
              HasSubstr("32-bit x86 "));
  EXPECT_THAT(complaint([](Image& image) {
                image.header.e_ident[EI_DATA] = ELFDATA2MSB;
                image.header.e_machine = __builtin_bswap16(EM_S390);
              }),
              HasSubstr("S/390"));
}

}  // namespace
}  // namespace dboot
