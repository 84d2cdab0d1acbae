#include "injector/confirmation/next_boot.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "shared/system/syscalls.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::next_boot {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(NextBoot, OfGrubIsInItsEnvironmentBlock) {
  EXPECT_EQ(next_entry_in("# GRUB Environment Block\nsaved_entry=0\nnext_entry=rescue\n####"),
            "rescue");
  EXPECT_EQ(next_entry_in("# GRUB Environment Block\nnext_entry=\n####"), "");
  EXPECT_EQ(next_entry_in("#next_entry=1\n"), "");
  EXPECT_EQ(next_entry_in(""), "");
}

TEST(NextBoot, ThatLeadsElsewhereIsNamedWithWhatTakesItBack) {
  const TemporaryDirectory root;
  EXPECT_THAT(one_time_entries(root.path()), IsEmpty());
  std::filesystem::create_directories(root / "boot/grub");
  std::filesystem::create_directories(root / "sys/firmware/efi/efivars");
  sys::replace_file(root / "boot/grub/grubenv", "next_entry=Memtest\n", 0644);
  sys::replace_file(root / "sys/firmware/efi/efivars/BootNext-8be4df61-93ca-11d2-aa0d-00e098032b8c",
                    "x", 0644);
  EXPECT_THAT(one_time_entries(root.path()),
              ElementsAre(Field(&OneTime::mend, "efibootmgr --delete-bootnext"),
                          AllOf(Field(&OneTime::what, "next_entry=Memtest in /boot/grub/grubenv"),
                                Field(&OneTime::mend, HasSubstr("unset next_entry")))));
}

}  // namespace
}  // namespace dboot::next_boot
