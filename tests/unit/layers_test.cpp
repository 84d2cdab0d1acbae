#include "injector/unpack/layers.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "injector/failure.hpp"
#include "injector/staging.hpp"
#include "injector/unpack/bad_entry.hpp"
#include "injector/unpack/removal.hpp"
#include "injector/unpack/whiteout.hpp"
#include "tests/support/byte_streams.hpp"
#include "tests/support/tar_builder.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/layers_fixture.hpp"

namespace dboot {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// The bytes of an ACL as the kernel takes it: <linux/posix_acl_xattr.h>.
std::string acl(std::initializer_list<std::array<unsigned, 3>> entries) {
  std::string bytes("\2\0\0\0", 4);
  for (const auto& [tag, permissions, id] : entries) {
    for (const unsigned half : {tag, permissions, id & 0xffffU, id >> 16U}) {
      bytes.push_back(static_cast<char>(half & 0xffU));
      bytes.push_back(static_cast<char>(half >> 8U));
    }
  }
  return bytes;
}
constexpr unsigned nobody_in_particular = 0xffffffffU;

const auto user_attribute = [](const char* name, const std::string& value) {
  return [=](archive_entry* entry) {
    ::archive_entry_xattr_add_entry(entry, name, value.data(), value.size());
  };
};

TEST_F(Layers, UpperOnesReplaceAndAdd) {
  TarBuilder lower;
  lower.directory("etc").file("etc/a", "1").file("etc/b", "1");
  TarBuilder upper;
  upper.directory("etc").file("etc/b", "2").file("etc/c", "2");
  layer(lower).layer(upper).apply();
  EXPECT_EQ(read_text(root / "etc/a"), "1");
  EXPECT_EQ(read_text(root / "etc/b"), "2");
  EXPECT_EQ(read_text(root / "etc/c"), "2");
}

TEST_F(Layers, NoneAtAllLeaveTheRootEmpty) {
  apply();
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(Layers, EmptyOnesChangeNothing) {
  TarBuilder lower;
  lower.file("a", "1");
  TarBuilder upper;
  layer(lower).layer(upper).apply();
  EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(Layers, WhiteoutHidesAFileAndADirectoryWithAllInIt) {
  TarBuilder lower;
  lower.directory("d").file("d/a", "1").directory("d/e").file("d/e/f", "1").file("b", "1");
  lower.file("kept", "1").symlink("link", "kept");
  TarBuilder upper;
  upper.file(".wh.d", "").file(".wh.b", "").file(".wh.link", "").file(".wh.nothing", "");
  upper.file("missing/.wh.nothing", "");
  layer(lower).layer(upper).apply();
  EXPECT_THAT(names(), ElementsAre("kept"));
}

TEST_F(Layers, WhiteoutSparesWhatItsOwnLayerWritesBeforeAndAfterIt) {
  TarBuilder lower;
  lower.directory("d").file("d/old", "1").directory("e").file("e/old", "1").file("f", "1");
  TarBuilder upper;
  upper.directory("d").file("d/new", "2").file(".wh.d", "");
  upper.file(".wh.e", "").file("e/new", "2");
  upper.file("f", "2").file(".wh.f", "");
  layer(lower).layer(upper).apply();
  EXPECT_THAT(names("d"), ElementsAre("new"));
  EXPECT_THAT(names("e"), ElementsAre("new"));
  EXPECT_EQ(read_text(root / "f"), "2");
}

TEST_F(Layers, WhiteoutSparesADirectoryThatItsLayerDidNotName) {
  TarBuilder lower;
  lower.directory("a").directory("a/b").file("a/b/old", "1").file("a/old", "1");
  TarBuilder upper;
  upper.file("a/b/new", "2").file(".wh.a", "");
  layer(lower).layer(upper).apply();
  EXPECT_THAT(names("a"), ElementsAre("b"));
  EXPECT_THAT(names("a/b"), ElementsAre("new"));
}

TEST_F(Layers, WhiteoutKeepsOtherNamesOfTheFile) {
  TarBuilder lower;
  lower.file("a", "1").hardlink("b", "a");
  TarBuilder upper;
  upper.file(".wh.a", "");
  layer(lower).layer(upper).apply();
  EXPECT_THAT(names(), ElementsAre("b"));
  EXPECT_EQ(read_text(root / "b"), "1");
}

TEST_F(Layers, OpaqueDirectoryHidesAllBelowItWhereverItsMarkStands) {
  TarBuilder lower;
  for (const char* name : {"d", "e"}) {
    lower.directory(name).directory(std::string(name) + "/sub");
    lower.file(std::string(name) + "/sub/old", "1").file(std::string(name) + "/old", "1");
  }
  TarBuilder upper;
  upper.directory("d").file("d/.wh..wh..opq", "").file("d/new", "2");
  upper.directory("e").directory("e/sub").file("e/sub/new", "2").file("e/.wh..wh..opq", "");
  upper.file("missing/.wh..wh..opq", "");
  layer(lower).layer(upper).apply();
  EXPECT_THAT(names("d"), ElementsAre("new"));
  EXPECT_THAT(names("e"), ElementsAre("sub"));
  EXPECT_THAT(names("e/sub"), ElementsAre("new"));
}

TEST_F(Layers, OpaqueRootHidesEverything) {
  TarBuilder lower;
  lower.directory("d").file("d/a", "1");
  TarBuilder upper;
  upper.file("new", "2").file(".wh..wh..opq", "");
  layer(lower).layer(upper).apply();
  EXPECT_THAT(names(), ElementsAre("new"));
}

TEST_F(Layers, WhiteoutsOfTheLowestLayerHideNothing) {
  TarBuilder lower;
  lower.file("a", "1").file(".wh.a", "").file(".wh..wh..opq", "");
  layer(lower).apply();
  EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(Layers, NamesOfAufsAreNoPartOfTheImage) {
  TarBuilder lower;
  lower.file("a", "1")
      .file(".wh..wh.aufs", "")
      .directory(".wh..wh.plnk")
      .file(".wh..wh.plnk/1.2", "x");
  lower.directory(".wh..wh.orph");
  layer(lower).apply();
  EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(Layers, WhiteoutsThatLeadElsewhereAreRefusedByName) {
  for (const char* name : {".wh..", ".wh...", ".wh.", "d/.wh...", "d/.wh.a/b"}) {
    layers.clear();
    TarBuilder lower;
    lower.directory("d").file("d/a", "1");
    TarBuilder upper;
    upper.file(name, "");
    EXPECT_THAT(layer(lower).layer(upper).refusal(), AllOf(HasSubstr(name), HasSubstr("layer 1")));
  }
}

TEST_F(Layers, WhiteoutThroughASymlinkStaysInside) {
  TarBuilder lower;
  lower.symlink("up", "../canary")
      .symlink("away", canary)
      .directory("canary")
      .file("canary/file", "1");
  TarBuilder upper;
  upper.file("up/.wh.file", "").file("away/.wh.file", "").file("away/.wh..wh..opq", "");
  layer(lower).layer(upper).apply();
  EXPECT_THAT(names("canary"), IsEmpty());
}

TEST_F(Layers, FileReplacesADirectoryAndADirectoryAFile) {
  TarBuilder lower;
  lower.directory("d").directory("d/e").file("d/e/f", "1").file("f", "1").symlink("l", "d");
  TarBuilder middle;
  middle.file("d", "2").directory("f").file("f/in", "2").directory("l").file("l/own", "2");
  TarBuilder upper;
  upper.directory("d").file("d/again", "3").symlink("f", "d");
  layer(lower).layer(middle).layer(upper).apply();
  EXPECT_THAT(names("d"), ElementsAre("again"));
  EXPECT_EQ(fs::read_symlink(root / "f"), "d");
  EXPECT_FALSE(fs::is_symlink(root / "l"));
  EXPECT_THAT(names("l"), ElementsAre("own"));
}

TEST_F(Layers, ParentThatIsALowerFileBecomesADirectory) {
  TarBuilder lower;
  lower.file("a", "1").file("file", "1").symlink("b", "file");
  TarBuilder upper;
  upper.file("a/x/y", "2").file("b/y", "2");
  layer(lower).layer(upper).apply();
  EXPECT_EQ(read_text(root / "a/x/y"), "2");
  EXPECT_EQ(read_text(root / "b/y"), "2");
  EXPECT_EQ(read_text(root / "file"), "1");
}

TEST_F(Layers, ParentThatIsAFileOfTheSameLayerIsRefused) {
  TarBuilder lower;
  lower.file("b", "1");
  TarBuilder upper;
  upper.file("a", "2").file("a/x", "2");
  EXPECT_THAT(layer(lower).layer(upper).refusal(), AllOf(HasSubstr("a/x"), HasSubstr("layer 1")));
}

TEST_F(Layers, ParentThatIsALowerSymlinkIsFollowedInside) {
  TarBuilder lower;
  lower.directory("usr").directory("usr/lib").symlink("lib", "usr/lib").symlink("out", canary);
  TarBuilder upper;
  upper.file("lib/a", "2").file("out/file", "dead");
  layer(lower).layer(upper).apply();
  EXPECT_EQ(read_text(root / "usr/lib/a"), "2");
  EXPECT_EQ(read_text(root / canary.relative_path() / "file"), "dead");
}

TEST_F(Layers, HardlinkGoesToWhatALowerLayerHas) {
  TarBuilder lower;
  lower.file("a", "1");
  TarBuilder upper;
  upper.hardlink("b", "a");
  layer(lower).layer(upper).apply();
  EXPECT_EQ(status("a").st_ino, status("b").st_ino);
}

TEST_F(Layers, ReplacingOneNameOfAFileLeavesTheOther) {
  TarBuilder lower;
  lower.file("a", "1").hardlink("b", "a");
  TarBuilder upper;
  upper.file("a", "2");
  layer(lower).layer(upper).apply();
  EXPECT_EQ(read_text(root / "a"), "2");
  EXPECT_EQ(read_text(root / "b"), "1");
}

TEST_F(Layers, LastOneOfDuplicateEntriesCounts) {
  TarBuilder lower;
  lower.file("a", "1").file("a", "longer").file("a", "2");
  lower.directory("d").file("d/in", "1").file("d", "file");
  layer(lower).apply();
  EXPECT_EQ(read_text(root / "a"), "2");
  EXPECT_EQ(read_text(root / "d"), "file");
}

TEST_F(Layers, DirectoryHasTheAttributesOfTheTopmostLayerThatNamesIt) {
  TarBuilder lower;
  lower.directory("d", 0700, [](archive_entry* entry) {
    user_attribute("user.old", "1")(entry);
    user_attribute("user.both", "1")(entry);
    ::archive_entry_set_mtime(entry, 1'111, 5);
  });
  lower.directory("e", 0711);
  TarBuilder middle;
  middle.directory("d", 02755, [](archive_entry* entry) {
    user_attribute("user.both", "2")(entry);
    ::archive_entry_set_uid(entry, 7);
    ::archive_entry_set_mtime(entry, 2'222, 123'456'789);
  });
  TarBuilder upper;
  upper.file("d/new", "3").file("e/new", "3");
  layer(lower).layer(middle).layer(upper).apply();
  EXPECT_EQ(status("d").st_mode, S_IFDIR | 02755U);
  EXPECT_EQ(status("d").st_uid, 7U);
  EXPECT_EQ(status("d").st_mtim.tv_sec, 2'222);
  EXPECT_EQ(status("d").st_mtim.tv_nsec, 123'456'789);
  EXPECT_EQ(xattr("d", "user.both"), "2");
  EXPECT_EQ(xattr("d", "user.old"), "No data available");
  EXPECT_EQ(status("e").st_mode, S_IFDIR | 0711U);
  EXPECT_EQ(status("e").st_mtim.tv_sec, 1'000'000'000);
}

TEST_F(Layers, AclsOfBothWritingsAreKeptAndNotInherited) {
  const std::string access = acl({{1, 7, nobody_in_particular},
                                  {2, 4, 1234},
                                  {4, 5, nobody_in_particular},
                                  {16, 5, nobody_in_particular},
                                  {32, 0, nobody_in_particular}});
  TarBuilder lower;
  lower.directory("d", 0750, [](archive_entry* entry) {
    constexpr int type = ARCHIVE_ENTRY_ACL_TYPE_DEFAULT;
    ::archive_entry_acl_add_entry(entry, type, 7, ARCHIVE_ENTRY_ACL_USER_OBJ, -1, nullptr);
    ::archive_entry_acl_add_entry(entry, type, 4, ARCHIVE_ENTRY_ACL_USER, 1234, "someone");
    ::archive_entry_acl_add_entry(entry, type, 5, ARCHIVE_ENTRY_ACL_GROUP_OBJ, -1, nullptr);
    ::archive_entry_acl_add_entry(entry, type, 5, ARCHIVE_ENTRY_ACL_MASK, -1, nullptr);
    ::archive_entry_acl_add_entry(entry, type, 0, ARCHIVE_ENTRY_ACL_OTHER, -1, nullptr);
  });
  lower.file("d/raw", "x", 0750, user_attribute("system.posix_acl_access", access));
  lower.file("d/text", "x", 0750, [](archive_entry* entry) {
    constexpr int type = ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
    ::archive_entry_acl_add_entry(entry, type, 4, ARCHIVE_ENTRY_ACL_USER, 1234, "someone");
    ::archive_entry_acl_add_entry(entry, type, 5, ARCHIVE_ENTRY_ACL_MASK, -1, nullptr);
  });
  lower.file("d/plain", "x", 0640);
  TarBuilder upper;
  upper.file("d/upper", "x", 0640).directory("d/sub", 0700);
  layer(lower).layer(upper).apply();
  EXPECT_EQ(xattr("d", "system.posix_acl_default"), access);
  EXPECT_EQ(xattr("d/raw", "system.posix_acl_access"), access);
  EXPECT_EQ(xattr("d/text", "system.posix_acl_access"), access);
  for (const char* name : {"d/plain", "d/upper", "d/sub"}) {
    EXPECT_EQ(xattr(name, "system.posix_acl_access"), "No data available") << name;
  }
  EXPECT_EQ(status("d/upper").st_mode, S_IFREG | 0640U);
  EXPECT_EQ(status("d/sub").st_mode, S_IFDIR | 0700U);
}

TEST_F(Layers, AttributesOfOverlayfsAreLeftOut) {
  TarBuilder lower;
  lower.file("a", "1", 0644, user_attribute("user.overlay.origin", "x"));
  lower.file("b", "1", 0644, user_attribute("user.mine", "x"));
  layer(lower).apply();
  EXPECT_EQ(xattr("a", "user.overlay.origin"), "No data available");
  EXPECT_EQ(xattr("b", "user.mine"), "x");
}

TEST(WhiteoutOf, TellsEntriesFromMarks) {
  using rootfs::Whiteout;
  using rootfs::whiteout_of;
  EXPECT_EQ(whiteout_of("").kind, Whiteout::Kind::none);
  EXPECT_EQ(whiteout_of("a/wh.b").kind, Whiteout::Kind::none);
  EXPECT_EQ(whiteout_of("a/.wh").kind, Whiteout::Kind::none);
  EXPECT_EQ(whiteout_of(".wh.a").path, "a");
  EXPECT_EQ(whiteout_of("a/b/.wh.c").path, "a/b/c");
  EXPECT_EQ(whiteout_of("a/b/.wh.c").kind, Whiteout::Kind::file);
  EXPECT_EQ(whiteout_of("a/.wh..hidden").path, "a/.hidden");
  EXPECT_EQ(whiteout_of("a/.wh..wh..opq").path, "a");
  EXPECT_EQ(whiteout_of(".wh..wh..opq").kind, Whiteout::Kind::opaque);
  EXPECT_EQ(whiteout_of(".wh..wh.plnk/1.2").kind, Whiteout::Kind::ignored);
  EXPECT_THROW(whiteout_of("a/.wh."), rootfs::BadEntry);
  EXPECT_THROW(whiteout_of("a/.wh..."), rootfs::BadEntry);
}

TEST(RemoveTree, GoesDeeperThanPathsCanSayAndDescriptorsLast) {
  const TemporaryDirectory directory;
  const UniqueFd top = open_directory(directory.path());
  UniqueFd fd = open_directory(directory.path());
  for (int depth = 0; depth < 1200; ++depth) {
    ASSERT_EQ(::mkdirat(fd.get(), "down", 0755), 0);
    fd = sys::open_at(fd.get(), "down", O_PATH | O_DIRECTORY);
  }
  fd.reset();
  rootfs::remove_tree(top.get(), "down");
  EXPECT_TRUE(fs::is_empty(directory.path()));
}

}  // namespace
}  // namespace dboot
