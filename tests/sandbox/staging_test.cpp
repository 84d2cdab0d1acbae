#include "injector/staging.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "shared/plan/layout.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/support/eventually.hpp"

namespace dboot {
namespace {

using testing::eventually;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t megabyte = 1 << 20;

/// A /run of its own, in a mount namespace of its own.
class StagingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    sys::check(::unshare(CLONE_NEWNS), "unshare");
    sys::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make private");
    sys::check(::mount("tmpfs", "/run", "tmpfs", 0, nullptr), "mount /run");
  }

  static UniqueFd proc(pid_t pid) {
    return sys::open("/proc/" + std::to_string(pid), O_PATH | O_DIRECTORY);
  }

  static std::string mounts() { return sys::read_file("/proc/self/mountinfo"); }
};

TEST_F(StagingTest, IsNotSeenUntilItIsAttached) {
  const std::string before = mounts();
  const Staging staging(8 * megabyte, 1000);
  staging.write_plan({});
  EXPECT_EQ(mounts(), before);
  EXPECT_TRUE(std::filesystem::is_empty("/run"));
}

TEST_F(StagingTest, AttachedItHasTheLayoutThatThePayloadExpects) {
  Staging staging(8 * megabyte, 1000);
  staging.copy_program(sys::open("/bin/true", O_RDONLY).get(), layout::payload_name);
  staging.write_plan({});
  staging.arm();
  staging.attach();
  EXPECT_EQ(::access(layout::payload, X_OK), 0);
  EXPECT_EQ(::access(layout::plan, R_OK), 0);
  struct stat directory {};
  ASSERT_EQ(::stat(layout::directory, &directory), 0);
  EXPECT_EQ(directory.st_mode & 07777, 0700U);
  struct stat root {};
  ASSERT_EQ(::stat(layout::root, &root), 0);
  EXPECT_EQ(root.st_mode & 07777, 0755U);
  struct statvfs size {};
  ASSERT_EQ(::statvfs(layout::root, &size), 0);
  EXPECT_EQ(size.f_blocks * size.f_frsize, 8 * megabyte);
}

TEST_F(StagingTest, DetachLeavesWhatWasThereBefore) {
  const std::string before = mounts();
  {
    Staging staging(8 * megabyte, 1000);
    staging.arm();
    staging.attach();
    EXPECT_THAT(mounts(), HasSubstr(layout::root));
  }
  EXPECT_EQ(mounts(), before);
  EXPECT_TRUE(std::filesystem::is_empty("/run"));
}

TEST_F(StagingTest, WhatAChildHasAttachedIsDetachedByTheParent) {
  const std::string before = mounts();
  Staging staging(8 * megabyte, 1000);
  staging.arm();
  const pid_t child = ::fork();
  if (child == 0) {
    staging.attach();
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_THAT(mounts(), HasSubstr(layout::root));
  staging.detach();
  EXPECT_EQ(mounts(), before);
  EXPECT_TRUE(std::filesystem::is_empty("/run"));
}

TEST_F(StagingTest, DirectoryThatWasThereStays) {
  std::filesystem::create_directory(layout::directory);
  {
    Staging staging(8 * megabyte, 1000);
    staging.arm();
    staging.attach();
  }
  EXPECT_TRUE(std::filesystem::is_directory(layout::directory));
}

TEST_F(StagingTest, IsNotDetachedFromUnderARunningPayload) {
  Staging staging(8 * megabyte, 1000);
  staging.copy_program(sys::open("/bin/cat", O_RDONLY).get(), layout::payload_name);
  staging.arm();
  staging.attach();
  int input[2];
  int output[2];
  ASSERT_EQ(::pipe2(input, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(output, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(input[0], 0);
    ::dup2(output[1], 1);
    ::execl(layout::payload, "cat", nullptr);
    ::_exit(1);
  }
  char echo = '?';
  ASSERT_EQ(::write(input[1], "!", 1), 1);
  ASSERT_EQ(::read(output[0], &echo, 1), 1);  // so it is cat that runs
  EXPECT_TRUE(staging.is_executed_by(proc(child).get()));
  EXPECT_FALSE(staging.is_executed_by(proc(::getpid()).get()));
  staging.detach();
  EXPECT_THAT(mounts(), HasSubstr(layout::root));

  ::close(input[1]);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  // Whoever reads the memory of the process in /proc holds its program a little longer.
  EXPECT_TRUE(eventually([&] {
    staging.detach();
    return mounts().find(layout::root) == std::string::npos;
  })) << mounts();
}

TEST_F(StagingTest, CommittedItStays) {
  {
    Staging staging(8 * megabyte, 1000);
    staging.arm();
    staging.attach();
    staging.commit();
  }
  EXPECT_THAT(mounts(), HasSubstr(layout::root));
}

}  // namespace
}  // namespace dboot
