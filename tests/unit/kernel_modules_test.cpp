#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <gmock/gmock.h>

#include <cstring>

#include "injector/from_host/firmware.hpp"
#include "injector/from_host/modules.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {
namespace {

using rootfs::modules::Dependencies;
using testing::ElementsAre;
using testing::IsEmpty;
namespace firmware = rootfs::firmware;
namespace modules = rootfs::modules;

TEST(Modules, NamesHaveUnderscoresAndNoExtension) {
  EXPECT_EQ(modules::name_of("kernel/drivers/net/virtio-net.ko.xz"), "virtio_net");
  EXPECT_EQ(modules::name_of("ext4"), "ext4");
}

TEST(Modules, LoadedOnesAreTheFirstWordOfEachLine) {
  EXPECT_THAT(modules::parse_loaded("ext4 983040 1 - Live 0x0000000000000000\n"
                                    "crc16 16384 1 ext4, Live 0x0000000000000000\n"),
              ElementsAre("ext4", "crc16"));
  EXPECT_THAT(modules::parse_loaded(""), IsEmpty());
}

TEST(Modules, FilesOfAModuleAreItsOwnAndThoseThatItNeeds) {
  const Dependencies dependencies(
      "kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz kernel/fs/mbcache.ko.xz\n"
      "kernel/lib/crc16.ko.xz:\n"
      "kernel/fs/mbcache.ko.xz:\n"
      "extra/own-driver.ko:\n"
      "not a line\n");
  const auto files = dependencies.files_for({"ext4", "built_in"});
  EXPECT_THAT(files, ElementsAre("kernel/fs/ext4/ext4.ko.xz", "kernel/fs/mbcache.ko.xz",
                                 "kernel/lib/crc16.ko.xz"));
  EXPECT_EQ(dependencies.filtered(dependencies.files_for({"own_driver", "crc16"})),
            "kernel/lib/crc16.ko.xz:\nextra/own-driver.ko:\n");
}

/// A module with a section .modinfo, the way the kernel's build makes it: no program headers.
std::string module_with(const std::string& modinfo) {
  const std::string names = std::string("\0.shstrtab\0.modinfo\0", 20);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shstrndx = 1;
  header.e_shoff = sizeof header + names.size() + modinfo.size();
  Elf64_Shdr sections[3]{};
  sections[1].sh_name = 1;
  sections[1].sh_offset = sizeof header;
  sections[1].sh_size = names.size();
  sections[2].sh_name = 11;
  sections[2].sh_offset = sizeof header + names.size();
  sections[2].sh_size = modinfo.size();
  std::string file(reinterpret_cast<const char*>(&header), sizeof header);
  file += names + modinfo;
  file.append(reinterpret_cast<const char*>(sections), sizeof sections);
  return file;
}

const std::string modinfo("license=GPL\0firmware=a/b.bin\0\0firmware=c-*.fw\0not_firmware=x\0", 63);

TEST(Firmware, NamesAreInTheModinfoOfAModule) {
  const std::string module = module_with(modinfo);
  EXPECT_THAT(firmware::names_in(firmware::modinfo_of(module)), ElementsAre("a/b.bin", "c-*.fw"));
}

TEST(Firmware, NamesOfBuiltInDriversBeginWithTheDriver) {
  EXPECT_THAT(firmware::names_in(std::string_view("x.firmware=d\0x.license=GPL\0", 27)),
              ElementsAre("d"));
}

TEST(Firmware, DamagedModulesHaveNoNames) {
  const std::string module = module_with(modinfo);
  for (std::size_t size = 0; size < module.size(); ++size)
    EXPECT_THAT(firmware::modinfo_of(module.substr(0, size)), IsEmpty()) << size;
  for (std::size_t byte = 0; byte < module.size(); ++byte) {
    std::string flipped = module;
    flipped[byte] = static_cast<char>(~flipped[byte]);
    (void)firmware::names_in(firmware::modinfo_of(flipped));
  }
}

/// Compresses with a filter of libarchive's.
void write_compressed(const std::filesystem::path& path, int filter, const std::string& content) {
  archive* writer = ::archive_write_new();
  ASSERT_EQ(::archive_write_add_filter(writer, filter), ARCHIVE_OK);
  ASSERT_EQ(::archive_write_set_format_raw(writer), ARCHIVE_OK);
  ASSERT_EQ(::archive_write_open_filename(writer, path.c_str()), ARCHIVE_OK);
  archive_entry* entry = ::archive_entry_new();
  ::archive_entry_set_pathname(entry, "module");
  ::archive_entry_set_filetype(entry, AE_IFREG);
  ASSERT_EQ(::archive_write_header(writer, entry), ARCHIVE_OK);
  ASSERT_EQ(::archive_write_data(writer, content.data(), content.size()),
            static_cast<la_ssize_t>(content.size()));
  ::archive_entry_free(entry);
  ASSERT_EQ(::archive_write_free(writer), ARCHIVE_OK);
}

TEST(Firmware, ModulesAreReadCompressedOrNot) {
  const TemporaryDirectory directory;
  const std::string module = module_with(modinfo);
  const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_XZ,
                         ARCHIVE_FILTER_ZSTD};
  const UniqueFd fd = open_directory(directory.path());
  for (const int filter : filters) {
    write_compressed(directory / "module.ko", filter, module);
    EXPECT_EQ(firmware::read_module(fd.get(), "module.ko"), module) << filter;
  }
}

TEST(Firmware, FilesAreFoundByNameByPatternAndCompressed) {
  const std::set<std::string> names{"a/b.bin", "c-*.fw"};
  EXPECT_TRUE(firmware::is_one_of("a/b.bin", names));
  EXPECT_TRUE(firmware::is_one_of("a/b.bin.zst", names));
  EXPECT_TRUE(firmware::is_one_of("c-7.fw.xz", names));
  EXPECT_FALSE(firmware::is_one_of("a/b.bin.old", names));
}

}  // namespace
}  // namespace dboot
