#include <gmock/gmock.h>

#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::testing {
namespace {

using ::testing::IsEmpty;

/// Of /proc/meminfo, in KiB.
long memory(std::string_view name) {
  const std::string text = sys::read_file("/proc/meminfo");
  for (const auto line : lines_of(text)) {
    const auto words = words_of(line);
    if (words.size() > 1 && words[0] == name) return number_in<long>(words[1]).value_or(0);
  }
  return 0;
}

TEST(ThousandRehearsals, AllSucceedAndLeaveTheHostAsItWas) {
  const TemporaryDirectory directory;
  const std::string image = directory / "busybox.tar";
  write_text(image, busybox_image());
  const SandboxHost host;
  const auto rehearse = [&] {
    return host.run(
        {DBOOT_INJECT, "--rehearse", "--log-level", "error", image, "sh", "-c", "echo rehearsed"});
  };
  rehearse();  // what exists from the first time on
  const HostState before = host.state();
  const long in_memory = memory("Shmem:");
  for (int number = 1; number <= 1000; ++number) {
    const auto result = rehearse();
    ASSERT_EQ(result.status, 0) << number << ": " << result.output;
    ASSERT_EQ(result.output, "rehearsed\n") << number;
  }
  EXPECT_THAT(differences(before, host.state()), IsEmpty());
  // A root that stayed would be 2 MiB, a thousand of them 2 GiB.
  constexpr long noise_of_the_machine = 100 * 1024;
  EXPECT_LT(memory("Shmem:"), in_memory + noise_of_the_machine);
}

}  // namespace
}  // namespace dboot::testing
