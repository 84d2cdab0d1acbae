#pragma once

#include <string>
#include <string_view>
#include <vector>

/// What boot loaders do the next time, and only then.
namespace dboot::next_boot {

struct OneTime {
  std::string what;  ///< "BootNext of the firmware", "next_entry in /boot/grub/grubenv"
  std::string mend;  ///< what takes it back
};

/// Those that would lead elsewhere at the next boot: efibootmgr(8) --bootnext, bootctl(1)
/// set-oneshot, grub-reboot(8). `root`: in front of the paths that are looked at.
std::vector<OneTime> one_time_entries(const std::string& root = "");

/// The value of next_entry in GRUB's environment block; empty when it has none. Pure.
std::string next_entry_in(std::string_view environment_block);

}  // namespace dboot::next_boot
