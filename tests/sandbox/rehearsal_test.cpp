#include "injector/rehearsal/rehearsal.hpp"

#include <gmock/gmock.h>
#include <linux/capability.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>

#include "injector/failure.hpp"
#include "injector/preflight/root.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {
namespace {

using testing::Contains;
using testing::Field;

std::string proc(const Rehearsal& rehearsal, const std::string& name) {
  return "/proc/" + std::to_string(rehearsal.target().pid()) + "/" + name;
}

TEST(Rehearsal, HasAPidOneThatIsNotTheMachines) {
  const Rehearsal rehearsal(Rehearsal::Stdio::console);
  EXPECT_FALSE(rehearsal.target().is_machine());
  EXPECT_NO_THROW(rehearsal.target().verify());
  const auto status = read_process_status(rehearsal.target().pid());
  ASSERT_TRUE(status);
  EXPECT_EQ(status->namespace_pids.back(), 1);
}

TEST(Rehearsal, SharesNoNamespaceThatATakeoverTouches) {
  const Rehearsal rehearsal(Rehearsal::Stdio::console);
  const std::string pid = std::to_string(rehearsal.target().pid());
  for (const char* kind : {"pid", "mnt", "uts", "ipc", "net", "cgroup"}) {
    EXPECT_NE(namespace_of(pid, kind), namespace_of("self", kind)) << kind;
  }
}

TEST(Rehearsal, HasPrivateMountsWithDevAndRunOfItsOwn) {
  const Rehearsal rehearsal(Rehearsal::Stdio::console);
  const auto table = parse_mount_table(sys::read_file(proc(rehearsal, "mountinfo")));
  EXPECT_THAT(table, Each(Field(&Mount::shared, false)));
  for (const char* point : {"/dev", "/run"}) {
    EXPECT_THAT(table,
                Contains(AllOf(Field(&Mount::mount_point, point), Field(&Mount::type, "tmpfs"))));
  }
  for (const char* point : {"/sys", "/proc/sys"}) {
    EXPECT_THAT(table, Contains(AllOf(Field(&Mount::mount_point, point),
                                      Field(&Mount::options, testing::StartsWith("ro,")))));
  }
}

TEST(Rehearsal, HasTheMountsOfTheHostReadOnlyAndWithoutDevices) {
  const Rehearsal rehearsal(Rehearsal::Stdio::console);
  const auto host = read_mount_table();
  for (const auto& mount : parse_mount_table(sys::read_file(proc(rehearsal, "mountinfo")))) {
    const auto same = [&](const Mount& other) { return other.device == mount.device; };
    if (std::none_of(host.begin(), host.end(), same) || mount.mount_point == "/sys") continue;
    EXPECT_THAT(mount.options, testing::StartsWith("ro,")) << mount.mount_point;
    EXPECT_THAT(mount.options, testing::HasSubstr("nodev")) << mount.mount_point;
  }
}

/// Where it keeps sockets, apart from /run.
TEST(Rehearsal, DoesNotShowTheTemporaryFilesOfTheHost) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(std::filesystem::exists(directory.path()));
  const Rehearsal rehearsal(Rehearsal::Stdio::console);
  EXPECT_FALSE(std::filesystem::exists(proc(rehearsal, "root" + directory.path().string())));
}

TEST(Rehearsal, HasNoCapabilityThatReachesHardware) {
  const Rehearsal rehearsal(Rehearsal::Stdio::console);
  const std::string status = sys::read_file(proc(rehearsal, "status"));
  for (const char* set : {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"}) {
    const auto at = status.find(set);
    ASSERT_NE(at, std::string::npos);
    const auto bits = std::stoull(status.substr(at + 7), nullptr, 16);
    for (const int capability : {CAP_MKNOD, CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_TIME})
      EXPECT_EQ(bits >> static_cast<unsigned>(capability) & 1U, 0U) << set << capability;
  }
}

TEST(Rehearsal, EndsWithItsObject) {
  pid_t pid = 0;
  {
    const Rehearsal rehearsal(Rehearsal::Stdio::console);
    pid = rehearsal.target().pid();
  }
  EXPECT_FALSE(read_process_status(pid));
}

TEST(Rehearsal, LeavesTheMountTableOfTheHostAsItWas) {
  const std::string before = sys::read_file("/proc/self/mountinfo");
  { const Rehearsal rehearsal(Rehearsal::Stdio::console); }
  EXPECT_EQ(sys::read_file("/proc/self/mountinfo"), before);
}

TEST(Rehearsal, IsRefusedInARootThatItCannotFurnish) {
  const auto refusal = [](const std::string& root) -> std::string {
    try {
      root::require_for_rehearsal(root);
      return "none";
    } catch (const Failure& failure) {
      return failure.what() + std::string("; ") + failure.mend();
    }
  };
  const TemporaryDirectory no_mount_point;
  EXPECT_EQ(refusal("/"), "none");
  EXPECT_THAT(refusal(no_mount_point.path()),
              AllOf(testing::HasSubstr("is no mount point"),
                    testing::HasSubstr("mount --bind DIRECTORY DIRECTORY")));
  EXPECT_THAT(refusal("/proc"), AllOf(testing::HasSubstr("there is no directory /proc/dev"),
                                      testing::HasSubstr("; mkdir /proc/dev")));
}

}  // namespace
}  // namespace dboot
