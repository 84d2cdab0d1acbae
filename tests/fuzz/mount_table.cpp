#include "shared/proc/mount_table.hpp"

#include "tests/fuzz/support/input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dboot;
  const MountTable table = parse_mount_table(fuzz::text_of(data, size));
  // Parent links may be circles and lead nowhere; no mount comes twice.
  fuzz::require(unmount_order(table, "/").size() <= table.size());
  fuzz::require(unmount_order(table, "/run/.old-root").size() <= table.size());
  return 0;
}
