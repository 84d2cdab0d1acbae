#include "injector/confirmation/next_boot.hpp"

#include <unistd.h>

#include <utility>

#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::next_boot {

std::string next_entry_in(std::string_view environment_block) {
  constexpr std::string_view key = "next_entry=";
  for (const auto line : lines_of(environment_block)) {
    if (line.starts_with(key)) return std::string(line.substr(key.size()));
  }
  return "";
}

std::vector<OneTime> one_time_entries(const std::string& root) {
  std::vector<OneTime> entries;
  const std::string variables = root + "/sys/firmware/efi/efivars/";
  // The names of vendors, as UEFI and systemd-boot's interface have them.
  if (::access((variables + "BootNext-8be4df61-93ca-11d2-aa0d-00e098032b8c").c_str(), F_OK) == 0)
    entries.push_back({"BootNext of the firmware", "efibootmgr --delete-bootnext"});
  if (::access((variables + "LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f").c_str(),
               F_OK) == 0)
    entries.push_back({"LoaderEntryOneShot of systemd-boot", "bootctl set-oneshot ''"});
  for (const std::string block : {"/boot/grub/grubenv", "/boot/grub2/grubenv"}) {
    auto what = next_entry_in(sys::read_file_or_empty(root + block));
    if (what.empty()) continue;
    what.insert(0, "next_entry=").append(" in ").append(block);
    entries.push_back({std::move(what), "grub-editenv " + block + " unset next_entry"});
  }
  return entries;
}

}  // namespace dboot::next_boot
