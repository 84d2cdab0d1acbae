#include "injector/command/user.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "injector/failure.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* passwd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "# a comment:x:1:1\n"
    "broken line\n"
    "web:x:33:33:Web:/var/www:/bin/sh\n"
    "twice:x:34:1:first:/first:\n"
    "twice:x:35:1:second:/second:\n"
    "homeless:x:36:1::\n"
    "short:x:37";
constexpr const char* group =
    "root:x:0:\n"
    "web:x:33:\n"
    "disk:x:6:web,root\n"
    "audio:x:29:other,web\n"
    "none:x:44:webmaster\n"
    "44four:x:45:\n";

rootfs::User resolve(const std::string& specification) {
  return rootfs::resolve_user(specification, passwd, group);
}

std::string refusal(const std::string& specification) {
  try {
    resolve(specification);
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.status(), 125);
    return failure.what();
  }
  return "found";
}

TEST(User, NameHasItsGroupsAndItsHome) {
  const auto user = resolve("web");
  EXPECT_EQ(user.credentials.uid, 33U);
  EXPECT_EQ(user.credentials.gid, 33U);
  EXPECT_THAT(user.credentials.groups, ElementsAre(6, 29, 33));
  EXPECT_EQ(user.home, "/var/www");
}

TEST(User, NumberOfAnEntryIsThatEntry) {
  EXPECT_EQ(resolve("33").credentials, resolve("web").credentials);
  EXPECT_EQ(resolve("33").home, "/var/www");
  EXPECT_EQ(resolve("root").credentials, (Credentials{0, 0, {0, 6}}));
}

TEST(User, NumberNeedsNoEntry) {
  const auto user = resolve("1234");
  EXPECT_EQ(user.credentials, (Credentials{1234, 0, {0}}));
  EXPECT_EQ(user.home, "/");
}

TEST(User, ExplicitGroupIsTheOnlyOne) {
  EXPECT_EQ(resolve("web:audio").credentials, (Credentials{33, 29, {29}}));
  EXPECT_EQ(resolve("web:77").credentials, (Credentials{33, 77, {77}}));
  EXPECT_EQ(resolve("77:78").credentials, (Credentials{77, 78, {78}}));
  EXPECT_EQ(resolve(":audio").credentials, (Credentials{0, 29, {29}}));
  EXPECT_EQ(resolve("web:").credentials, resolve("web").credentials);
}

TEST(User, FirstEntryOfANameCounts) {
  EXPECT_EQ(resolve("twice").credentials.uid, 34U);
  EXPECT_EQ(resolve("twice").home, "/first");
}

TEST(User, IncompleteEntriesHaveRootsGroupAndHome) {
  EXPECT_EQ(resolve("homeless").home, "/");
  EXPECT_EQ(resolve("short").credentials, (Credentials{37, 0, {0}}));
}

TEST(User, UnknownNamesAreRefused) {
  EXPECT_THAT(refusal("nobody"), HasSubstr("no user 'nobody'"));
  EXPECT_THAT(refusal("web:wheel"), HasSubstr("no group 'wheel'"));
  EXPECT_THAT(refusal("-1"), HasSubstr("no user '-1'"));
  EXPECT_THAT(refusal("2147483648"), HasSubstr("no user '2147483648'"));
  EXPECT_THAT(refusal("web:99999999999"), HasSubstr("no group '99999999999'"));
  EXPECT_THAT(refusal("broken line"), HasSubstr("no user 'broken line'"));
  EXPECT_THAT(refusal("# a comment"), HasSubstr("no user"));
}

/// What a hostile image puts in the place of its databases.
class UserOfRoot : public testing::Test {
 protected:
  UserOfRoot() { fs::create_directories(root / "etc"); }

  std::string found(const std::string& specification) const {
    try {
      const auto user = rootfs::find_user(open_directory(root).get(), specification);
      return std::to_string(user.credentials.uid);
    } catch (const Failure& failure) {
      return failure.what();
    }
  }

  TemporaryDirectory directory;
  const fs::path root = directory / "root";
};

TEST_F(UserOfRoot, IsReadFromTheImageAndNeverFromTheHost) {
  EXPECT_THAT(found("root"), HasSubstr("no user 'root'"));
  fs::create_symlink("/etc/passwd", root / "etc/passwd");
  EXPECT_THAT(found("root"), HasSubstr("no user 'root'"));
  write_text(root / "srv/users", passwd);
  fs::remove(root / "etc/passwd");
  fs::create_symlink("/srv/users", root / "etc/passwd");
  EXPECT_EQ(found("web"), "33");
}

TEST_F(UserOfRoot, FifoInPlaceOfPasswdIsNotWaitedFor) {
  ASSERT_EQ(::mkfifo((root / "etc/passwd").c_str(), 0644), 0);
  ASSERT_EQ(::mkfifo((root / "etc/group").c_str(), 0644), 0);
  EXPECT_THAT(found("web"), HasSubstr("no user 'web'"));
  EXPECT_EQ(found("7"), "7");
}

TEST_F(UserOfRoot, PasswdOfATerabyteIsRefused) {
  write_text(root / "etc/passwd", "");
  fs::resize_file(root / "etc/passwd", std::uintmax_t{1} << 40U);
  EXPECT_THAT(found("web"), HasSubstr("etc/passwd of the image has 1099511627776 bytes"));
}

}  // namespace
}  // namespace dboot
