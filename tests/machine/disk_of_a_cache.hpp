#pragma once

#include <string>

#include "tests/machine/driver/host.hpp"

namespace dboot::machine {

/// Plugs in a disk that bcache may put a cache before, with an ext4 on /srv/vault: nobody takes
/// that apart, and the disk stays busy. `disk` is the file that it is made in.
void mount_disk_of_a_cache(Host& host, const std::string& disk);

}  // namespace dboot::machine
