#include "injector/unpack/unpack.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "injector/failure.hpp"
#include "injector/staging.hpp"
#include "tests/support/byte_streams.hpp"
#include "tests/support/tar_builder.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {
namespace {

using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

void unpack_into(int root_fd, const std::string& bytes) {
  Progress progress(0);
  rootfs::unpack(std::make_unique<Pieces>(bytes), root_fd, progress, "archive test.tar");
}

/// A root with a canary beside it that nothing may touch.
class Unpack : public testing::Test {
 protected:
  Unpack() {
    fs::create_directory(root);
    write_text(canary / "file", "alive");
    root_fd = open_directory(root);
  }
  ~Unpack() override {
    EXPECT_EQ(read_text(canary / "file"), "alive");
    EXPECT_EQ(std::distance(fs::directory_iterator(canary), fs::directory_iterator()), 1);
    EXPECT_EQ(std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator()), 2);
  }

  void unpack(TarBuilder& tar) { unpack_into(root_fd.get(), tar.finish()); }
  std::string refusal(const std::string& bytes) {
    try {
      unpack_into(root_fd.get(), bytes);
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.status(), 125);
      return failure.what();
    }
    return "unpacked";
  }
  std::string refusal(TarBuilder& tar) { return refusal(tar.finish()); }
  struct stat status(const std::string& name) const {
    struct stat result {};
    EXPECT_EQ(::lstat((root / name).c_str(), &result), 0) << name;
    return result;
  }

  TemporaryDirectory directory;
  const fs::path root = directory / "root";
  const fs::path canary = directory / "canary";
  UniqueFd root_fd;
};

TEST_F(Unpack, WritesWhatTheArchiveSays) {
  TarBuilder tar;
  tar.directory("./", 0711).directory("./etc", 0750).file("./etc/motd", "hello\n", 0640);
  tar.symlink("./etc/link", "/nowhere").hardlink("./etc/other", "./etc/motd");
  unpack(tar);
  EXPECT_EQ(status(".").st_mode, S_IFDIR | 0711U);
  EXPECT_EQ(status("etc").st_mode, S_IFDIR | 0750U);
  EXPECT_EQ(status("etc/motd").st_mode, S_IFREG | 0640U);
  EXPECT_EQ(read_text(root / "etc/motd"), "hello\n");
  EXPECT_EQ(fs::read_symlink(root / "etc/link"), "/nowhere");
  EXPECT_EQ(status("etc/other").st_ino, status("etc/motd").st_ino);
}

TEST_F(Unpack, OwnersAreNumbersAndSetuidSurvivesThem) {
  TarBuilder tar;
  const auto owned = [](archive_entry* entry) {
    ::archive_entry_set_uid(entry, 1234);
    ::archive_entry_set_gid(entry, 70000);
    ::archive_entry_set_uname(entry, "root");
  };
  tar.file("su", "x", 06755, owned).directory("spool", 03775, owned);
  unpack(tar);
  EXPECT_EQ(status("su").st_mode, S_IFREG | 06755U);
  EXPECT_EQ(status("su").st_uid, 1234U);
  EXPECT_EQ(status("su").st_gid, 70000U);
  EXPECT_EQ(status("spool").st_mode, S_IFDIR | 03775U);
  EXPECT_EQ(status("spool").st_uid, 1234U);
}

TEST_F(Unpack, TimesOfDirectoriesOutliveTheFilesInThem) {
  TarBuilder tar;
  tar.directory("a").file("a/one", "1").symlink("a/two", "one").directory("a/b").file("a/b/c", "");
  unpack(tar);
  for (const char* name : {"a", "a/one", "a/two", "a/b", "a/b/c"}) {
    EXPECT_EQ(status(name).st_mtim.tv_sec, 1'000'000'000) << name;
  }
}

TEST_F(Unpack, MissingParentsAreMadeWhateverTheUmask) {
  const mode_t before = ::umask(077);
  TarBuilder tar;
  tar.file("usr/share/doc/readme", "x", 0644);
  unpack(tar);
  ::umask(before);
  EXPECT_EQ(status("usr").st_mode, S_IFDIR | 0755U);
  EXPECT_EQ(status("usr/share/doc").st_mode, S_IFDIR | 0755U);
  EXPECT_EQ(status("usr/share/doc/readme").st_mode, S_IFREG | 0644U);
}

TEST_F(Unpack, DevicesAndFifosAreMadeAndSocketsLeftOut) {
  TarBuilder tar;
  tar.node("null", S_IFCHR | 0666, makedev(1, 3)).node("disk", S_IFBLK | 0660, makedev(7, 0));
  tar.node("fifo", S_IFIFO | 0600);
  unpack(tar);
  EXPECT_EQ(status("null").st_mode, S_IFCHR | 0666U);
  EXPECT_EQ(status("null").st_rdev, makedev(1, 3));
  EXPECT_EQ(status("disk").st_rdev, makedev(7, 0));
  EXPECT_EQ(status("fifo").st_mode, S_IFIFO | 0600U);
}

TEST_F(Unpack, CapabilitiesSurviveTheChangeOfOwner) {
  // cap_net_raw=ep, revision 2: struct vfs_cap_data in <linux/capability.h>.
  const std::string capability("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  TarBuilder tar;
  tar.file("ping", "x", 0755, [&](archive_entry* entry) {
    ::archive_entry_set_uid(entry, 7);
    ::archive_entry_xattr_add_entry(entry, "security.capability", capability.data(),
                                    capability.size());
    ::archive_entry_xattr_add_entry(entry, "trusted.overlay.opaque", "y", 1);
  });
  unpack(tar);
  std::string value(64, '\0');
  const ssize_t size = ::getxattr((root / "ping").c_str(), "security.capability", value.data(), 64);
  ASSERT_EQ(size, 20);
  EXPECT_EQ(value.substr(0, 20), capability);
  EXPECT_LT(::getxattr((root / "ping").c_str(), "trusted.overlay.opaque", value.data(), 64), 0);
}

TEST_F(Unpack, SparseFilesAndLargeOnesAreWhole) {
  std::string large(3'000'000, '\0');
  for (std::size_t at = 0; at < large.size(); ++at) large[at] = static_cast<char>(at * 7919 >> 3U);
  TarBuilder tar;
  tar.file("large", large).file("sparse", "ab", 0644, [](archive_entry* entry) {
    ::archive_entry_set_size(entry, 1 << 24U);
    ::archive_entry_sparse_add_entry(entry, 0, 2);
  });
  unpack(tar);
  EXPECT_TRUE(read_text(root / "large") == large);
  EXPECT_EQ(status("sparse").st_size, 1 << 24U);
}

TEST_F(Unpack, NamesAreBytes) {
  const std::string latin = "caf\xe9";
  const std::string decomposed = "cafe\xcc\x81";
  const std::string composed = "caf\xc3\xa9";
  TarBuilder tar;
  for (const auto& name : {latin, decomposed, composed}) tar.file("d/" + name, name);
  tar.file("line\nbreak", "x").symlink("link", latin);
  unpack(tar);
  for (const auto& name : {latin, decomposed, composed}) {
    EXPECT_EQ(read_text(root / "d" / name), name);
  }
  EXPECT_EQ(read_text(root / "line\nbreak"), "x");
  EXPECT_EQ(fs::read_symlink(root / "link"), latin);
}

TEST_F(Unpack, LongNamesAreWhole) {
  std::string path;
  for (char name = 'a'; name < 'm'; ++name) path.append(250, name).push_back('/');
  TarBuilder tar;
  tar.file(path + "end", "deep").hardlink("near", path + "end");
  unpack(tar);
  EXPECT_EQ(read_text(root / "near"), "deep");
}

TEST_F(Unpack, AbsoluteNamesAreRelativeToTheRoot) {
  TarBuilder tar;
  tar.file("/etc/passwd-of-test", "x").hardlink("/etc/again", "/etc/passwd-of-test");
  unpack(tar);
  EXPECT_EQ(read_text(root / "etc/again"), "x");
  EXPECT_FALSE(fs::exists("/etc/passwd-of-test"));
}

TEST_F(Unpack, NameThatLeadsOutIsRefusedByName) {
  for (const char* name : {"../canary/new", "a/../../canary/file", "..", "a/.."}) {
    TarBuilder tar;
    tar.file(name, "dead");
    EXPECT_THAT(refusal(tar), AllOf(HasSubstr(name), HasSubstr("out of the root"),
                                    HasSubstr("archive test.tar")));
  }
}

TEST_F(Unpack, HardlinkThatLeadsOutIsRefused) {
  TarBuilder tar;
  tar.hardlink("mine", "../canary/file");
  EXPECT_THAT(refusal(tar), AllOf(HasSubstr("mine"), HasSubstr("out of the root")));
}

TEST_F(Unpack, RootThatIsNoDirectoryIsRefused) {
  TarBuilder tar;
  tar.symlink("./", "../canary");
  EXPECT_THAT(refusal(tar), HasSubstr("replace the root"));
}

TEST_F(Unpack, WritingThroughASymlinkStaysInside) {
  TarBuilder tar;
  tar.symlink("up", "../canary").file("up/file", "dead");
  tar.symlink("away", canary.string()).file("away/file", "dead");
  tar.symlink("etc", "/").file("etc/inside", "x");
  unpack(tar);
  EXPECT_EQ(read_text(root / "canary/file"), "dead");
  EXPECT_EQ(read_text(root / fs::path(canary / "file").relative_path()), "dead");
  EXPECT_EQ(read_text(root / "inside"), "x");
}

TEST_F(Unpack, FileReplacesASymlinkAndNotItsTarget) {
  TarBuilder tar;
  tar.file("target", "kept").symlink("name", "target").file("name", "new");
  tar.symlink("out", (canary / "file").string()).file("out", "new");
  unpack(tar);
  EXPECT_EQ(read_text(root / "target"), "kept");
  EXPECT_EQ(status("name").st_mode & S_IFMT, unsigned{S_IFREG});
  EXPECT_EQ(read_text(root / "out"), "new");
}

TEST_F(Unpack, HardlinkToASymlinkLinksTheLinkItself) {
  TarBuilder tar;
  tar.symlink("link", (canary / "file").string()).hardlink("other", "link").file("other", "new");
  unpack(tar);
  EXPECT_EQ(read_text(root / "other"), "new");
  EXPECT_EQ(status("link").st_mode & S_IFMT, unsigned{S_IFLNK});
}

TEST_F(Unpack, HardlinkThroughASymlinkStaysInside) {
  TarBuilder tar;
  tar.symlink("up", canary.string()).hardlink("mine", "up/file");
  EXPECT_THAT(refusal(tar), AllOf(HasSubstr("mine"), HasSubstr("No such file")));
}

TEST_F(Unpack, HardlinkToItselfKeepsTheFile) {
  TarBuilder tar;
  tar.file("a", "x").hardlink("b", "a").hardlink("a", "b").hardlink("b", "b");
  unpack(tar);
  EXPECT_EQ(read_text(root / "a"), "x");
}

TEST_F(Unpack, EntryThatChangesItsTypeReplacesTheEarlierOne) {
  TarBuilder tar;
  tar.file("a", "1").directory("a").file("a/in", "x");
  tar.directory("b").symlink("b", "a").directory("c").node("c", S_IFIFO | 0600).file("c", "2");
  tar.symlink("d", "a").directory("d").file("d/own", "3");
  unpack(tar);
  EXPECT_EQ(read_text(root / "a/in"), "x");
  EXPECT_TRUE(fs::is_symlink(root / "b"));
  EXPECT_EQ(read_text(root / "c"), "2");
  EXPECT_FALSE(fs::is_symlink(root / "d"));
  EXPECT_FALSE(fs::exists(root / "a/own"));
}

TEST_F(Unpack, SymlinkThatChangesTakesTheNextEntryToItsNewPlace) {
  TarBuilder tar;
  tar.directory("one").directory("two").symlink("at", "one").file("at/x", "1");
  tar.symlink("at", "two").file("at/x", "2");
  unpack(tar);
  EXPECT_EQ(read_text(root / "one/x"), "1");
  EXPECT_EQ(read_text(root / "two/x"), "2");
}

TEST_F(Unpack, DanglingParentLinkIsFollowedInside) {
  TarBuilder tar;
  tar.symlink("lib", "usr/lib").file("lib/libc.so", "x");
  unpack(tar);
  EXPECT_EQ(read_text(root / "usr/lib/libc.so"), "x");
}

TEST_F(Unpack, LoopOfLinksIsRefused) {
  TarBuilder tar;
  tar.symlink("a", "b").symlink("b", "a").file("a/x", "1");
  EXPECT_THAT(refusal(tar), AllOf(HasSubstr("a/x"), HasSubstr("Too many levels")));
}

TEST_F(Unpack, FileAsAParentIsRefused) {
  TarBuilder tar;
  tar.file("a", "1").file("a/x", "2");
  EXPECT_THAT(refusal(tar), AllOf(HasSubstr("a/x"), HasSubstr("Not a directory")));
}

TEST_F(Unpack, TruncatedArchiveIsRefusedWithItsLastEntry) {
  TarBuilder tar;
  tar.file("first", std::string(5000, '1')).file("second", std::string(200'000, '2'));
  const std::string bytes = tar.finish();
  EXPECT_THAT(refusal(bytes.substr(0, 100'000)), AllOf(HasSubstr("second"), HasSubstr("runcated")));
  EXPECT_THAT(refusal(bytes.substr(0, 6'000)), HasSubstr("first"));
}

std::string digits() {
  std::string text;
  for (unsigned number = 0; number < 60'000; ++number) text += std::to_string(number * number);
  return text;
}

TEST_F(Unpack, TruncatedCompressionIsRefusedWithItsLastEntry) {
  for (const int filter : {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_XZ}) {
    const std::string bytes =
        TarBuilder(filter).file("first", "1").file("second", digits()).finish();
    EXPECT_THAT(refusal(bytes.substr(0, bytes.size() / 2)), HasSubstr("second")) << filter;
  }
}

TEST_F(Unpack, DamagedCompressionIsRefused) {
  std::string bytes =
      TarBuilder(ARCHIVE_FILTER_XZ).file("first", "1").file("second", digits()).finish();
  bytes[bytes.size() / 2] = static_cast<char>(~bytes[bytes.size() / 2]);
  EXPECT_THAT(refusal(bytes), HasSubstr("cannot unpack"));
}

TEST_F(Unpack, EveryTruncationIsRefusedOrComplete) {
  TarBuilder tar;
  tar.directory("d").file("d/file", std::string(700, 'x')).symlink("d/link", "file");
  const std::string bytes = tar.finish();
  for (std::size_t size = 0; size < bytes.size(); size += 37) refusal(bytes.substr(0, size));
}

TEST(UnpackIntoTmpfs, FullRootIsReportedWithItsNumbers) {
  const Staging staging(1U << 20U, 1000);
  TarBuilder tar;
  tar.file("small", "x").file("large", std::string(3'000'000, 'x'));
  try {
    unpack_into(staging.root(), tar.finish());
    FAIL() << "3 MB fitted into 1 MiB";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), AllOf(HasSubstr("the RAM root is full"), HasSubstr("of 1.0 MiB"),
                                      HasSubstr("at large")));
    EXPECT_THAT(failure.mend(), HasSubstr("--root-size"));
  }
}

TEST(UnpackIntoTmpfs, TooManyFilesAreReportedWithTheirNumber) {
  const Staging staging(1U << 20U, 20);
  TarBuilder tar;
  for (int number = 0; number < 40; ++number) tar.file(std::to_string(number), "");
  try {
    unpack_into(staging.root(), tar.finish());
    FAIL() << "40 files fitted into 20";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("20 of 20 files"));
  }
}

TEST(UnpackIntoTmpfs, DetachedMountTakesLinksAndUserAttributes) {
  const Staging staging(1U << 24U, 1000);
  TarBuilder tar;
  tar.directory("usr/bin").symlink("bin", "/usr/bin").file("bin/tool", "x", 0755);
  tar.hardlink("usr/bin/other", "bin/tool");
  unpack_into(staging.root(), tar.finish());
  EXPECT_EQ(sys::read_file_at(staging.root(), "usr/bin/other"), "x");
}

}  // namespace
}  // namespace dboot
