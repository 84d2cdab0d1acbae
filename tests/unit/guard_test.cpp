#include "injector/guard.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "injector/failure.hpp"
#include "shared/syscalls.hpp"

namespace dboot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Guard : public testing::Test {
 protected:
  Guard() {
    std::string name = testing::TempDir() + "dboot-guard-XXXXXX";
    directory = ::mkdtemp(name.data());
  }
  ~Guard() override { std::filesystem::remove_all(directory); }

  std::filesystem::path write(const std::string& name, const std::string& text) {
    std::ofstream(directory / name) << text;
    return directory / name;
  }

  std::filesystem::path directory;
};

TEST_F(Guard, DenyFileRefusesWithItsText) {
  const auto path = write("deny", "ask the owner first\n");
  try {
    guard::refuse_where_denied(path);
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("ask the owner first"));
    EXPECT_THAT(failure.mend(), HasSubstr("--rehearse"));
    EXPECT_EQ(failure.status(), 125);
  }
}

TEST_F(Guard, EmptyOrUnreadableDenyFileRefusesToo) {
  EXPECT_THROW(guard::refuse_where_denied(write("deny", "")), Failure);
  std::filesystem::create_directory(directory / "a-directory");
  EXPECT_THROW(guard::refuse_where_denied(directory / "a-directory"), Failure);
  EXPECT_THROW(guard::refuse_where_denied(write("file", "") / "below"), Failure);
}

TEST_F(Guard, WithoutDenyFileNothingIsRefused) {
  EXPECT_NO_THROW(guard::refuse_where_denied(directory / "deny"));
}

TEST_F(Guard, BlockingShutdownInhibitorRefusesWithItsReason) {
  write("1", "WHAT=idle:shutdown\nMODE=block\nWHO=apt\nWHY=packages are being installed\nPID=42\n");
  try {
    guard::refuse_while_inhibited(directory);
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("apt: packages are being installed (pid 42)"));
    EXPECT_THAT(failure.mend(), HasSubstr("--force"));
  }
}

TEST(Inhibitors, OnlyThoseThatBlockAShutdownCount) {
  EXPECT_THAT(guard::blocking_inhibitors({"WHAT=shutdown\nMODE=delay\nWHO=a\n",
                                          "WHAT=sleep\nMODE=block\nWHO=b\n",
                                          "WHO=c\nMODE=block\nWHAT=shutdown\nPID=1\nWHY=w\n", ""}),
              ElementsAre("c: w (pid 1)"));
}

TEST_F(Guard, WithoutInhibitorsNothingIsRefused) {
  EXPECT_NO_THROW(guard::refuse_while_inhibited(directory));
  EXPECT_NO_THROW(guard::refuse_while_inhibited(directory / "absent"));
}

TEST(Confirmation, WithoutATerminalNeedsYes) {
  const UniqueFd saved(::dup(STDIN_FILENO));
  const UniqueFd null = sys::open("/dev/null", O_RDONLY);
  ::dup2(null.get(), STDIN_FILENO);
  EXPECT_THROW(guard::confirm("image", false), Failure);
  EXPECT_NO_THROW(guard::confirm("image", true));
  ::dup2(saved.get(), STDIN_FILENO);
}

TEST(Lock, IsHeldByOneAtATime) {
  auto first = guard::lock();
  EXPECT_THROW(guard::lock(), Failure);
  first.reset();
  EXPECT_NO_THROW(guard::lock());
}

}  // namespace
}  // namespace dboot
