/// The same images unpacked by dboot, by umoci and by buildah, compared entry by entry. Where the
/// references differ from each other or from the specification, the test says so and why.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "injector/open_image.hpp"
#include "injector/progress.hpp"
#include "injector/staging.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/sandbox/reference_tools.hpp"
#include "tests/support/byte_streams.hpp"
#include "tests/support/image_builder.hpp"

namespace dboot {
namespace {

namespace fs = std::filesystem;

/// The root directory is in no layer here. The specification says nothing about what it is then:
/// buildah gives it the time of the first layer's unpacking, umoci 1970, dboot leaves the tmpfs's.
void forget_root(TreeListing& listing) {
  listing.erase("");
}

TreeListing unpacked_by_dboot(const fs::path& layout, const std::string& tag) {
  const Staging staging(std::uint64_t{1} << 30U, 100'000);
  Progress progress(0);
  image::open("oci:" + layout.string() + ":" + tag, {})->unpack(staging.root(), progress);
  return list_tree("/proc/self/fd/" + std::to_string(staging.root()) + "/.");
}

void set_attribute(const fs::path& path, const char* name, const std::string& value) {
  sys::check(::lsetxattr(path.c_str(), name, value.data(), value.size(), 0), "set ", name);
}

void set_time(const fs::path& path, time_t seconds, long nanoseconds) {
  const std::array<timespec, 2> times{timespec{seconds, 0}, timespec{seconds, nanoseconds}};
  sys::check(::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW), "set time");
}

// cap_net_raw=ep, revision 2: struct vfs_cap_data in <linux/capability.h>.
const std::string capability("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);

void make_base(const fs::path& root) {
  for (const char* name : {"plain", "gone", "opaque", "opaque/sub", "becomes-file", "metadata"}) {
    write_text(root / name / "file", std::string("base of ") + name);
  }
  write_text(root / "becomes-directory", "a file");
  write_text(root / "plain/setuid", "#!", 0755);
  sys::check(::chown((root / "plain/setuid").c_str(), 1234, 70'000), "chown");
  sys::check(::chmod((root / "plain/setuid").c_str(), 06755), "chmod");
  sys::check(::chmod((root / "opaque/sub").c_str(), 03775), "chmod");
  write_text(root / "plain/capability", "x", 0755);
  set_attribute(root / "plain/capability", "security.capability", capability);
  set_attribute(root / "plain/file", "user.comment", std::string("with\0zero", 9));
  set_attribute(root / "metadata", "user.on-directory", "1");
  for (const char* link : {"one", "two", "three"}) {
    fs::create_hard_link(root / "plain/file", root / "plain" / link);
  }
  fs::create_hard_link(root / "gone/file", root / "survives");
  fs::create_symlink("file", root / "plain/symlink");
  fs::create_symlink("/nowhere/at/all", root / "plain/dangling");
  fs::create_directory_symlink("plain", root / "symlink-to-directory");
  sys::check(::mkfifo((root / "fifo").c_str(), 0640), "mkfifo");
  sys::check(::mknod((root / "null").c_str(), S_IFCHR | 0666, makedev(1, 3)), "mknod");
  sys::check(::mknod((root / "disk").c_str(), S_IFBLK | 0660, makedev(259, 70'000)), "mknod");
  write_text(root / "plain/sparse", "begin");
  sys::check(::truncate((root / "plain/sparse").c_str(), 3'000'000), "truncate");
  write_text(root / "plain/caf\xe9", "latin 1");
  write_text(root / "plain/line\nbreak", "x");
  fs::path deep = root / "deep";
  for (char name = 'a'; name < 'f'; ++name) deep /= std::string(200, name);
  write_text(deep / std::string(255, 'x'), "long");
  set_time(root / "plain/file", 1'234'567'890, 123'456'789);
  set_time(root / "plain/symlink", 1'111'111'111, 0);
  set_time(root / "plain", 999'999'999, 999'999'999);
  set_time(root / "fifo", 0, 0);
}

void change(const fs::path& root) {
  fs::remove_all(root / "gone");
  fs::remove(root / "plain/two");
  fs::remove_all(root / "opaque");
  write_text(root / "opaque/sub/new", "only this one");
  fs::remove_all(root / "becomes-file");
  write_text(root / "becomes-file", "now a file");
  fs::remove(root / "becomes-directory");
  write_text(root / "becomes-directory/in", "now a directory");
  fs::remove(root / "symlink-to-directory");
  write_text(root / "symlink-to-directory/own", "no symlink any more");
  // Changes of nothing but metadata, also of one of several names of a file.
  sys::check(::chmod((root / "metadata").c_str(), 0700), "chmod");
  sys::check(::lremovexattr((root / "metadata").c_str(), "user.on-directory"), "remove xattr");
  sys::check(::chown((root / "metadata/file").c_str(), 5, 6), "chown");
  sys::check(::chmod((root / "plain/three").c_str(), 0600), "chmod");
  fs::create_hard_link(root / "plain/setuid", root / "hardlink-to-lower");
  set_time(root / "plain", 888'888'888, 1);
}

void change_back(const fs::path& root) {
  fs::remove(root / "becomes-file");
  write_text(root / "becomes-file/file", "a directory again");
  fs::remove_all(root / "becomes-directory");
  write_text(root / "becomes-directory", "a file again");
  write_text(root / "gone/new", "back");
  fs::copy(root / "opaque", root / "moved", fs::copy_options::recursive);
  fs::remove_all(root / "opaque");
  fs::remove(root / "fifo");
  fs::create_symlink("null", root / "fifo");
}

using Names = std::vector<std::string>;

/// But for the `exceptions`.
void expect_same(TreeListing expected, TreeListing actual, const Names& exceptions) {
  for (auto* listing : {&expected, &actual}) {
    forget_root(*listing);
    for (const auto& name : exceptions) EXPECT_EQ(listing->erase(name), 1U) << name;
  }
  EXPECT_GT(actual.size(), 5U);
  EXPECT_EQ(differences(expected, actual), "");
}

void expect_as_umoci(ReferenceTools& tools, const fs::path& layout, const std::string& tag,
                     const Names& exceptions = {}) {
  SCOPED_TRACE("umoci is what was expected");
  expect_same(tools.unpacked_by_umoci(layout, tag), unpacked_by_dboot(layout, tag), exceptions);
}

void expect_as_buildah(ReferenceTools& tools, const fs::path& layout, const std::string& tag,
                       const Names& exceptions = {}) {
  SCOPED_TRACE("buildah is what was expected");
  expect_same(tools.mounted_by_buildah(layout, tag), unpacked_by_dboot(layout, tag), exceptions);
}

TEST(Comparison, LayersThatBuildahHasMade) {
  ReferenceTools tools;
  const TemporaryDirectory directory;
  tools.build("scratch", "base", make_base);
  tools.build("base", "changed", change);
  tools.build("changed", "back", change_back);
  for (const char* tag : {"base", "changed", "back"}) {
    SCOPED_TRACE(tag);
    tools.push(tag, directory / "layout");
    expect_as_umoci(tools, directory / "layout", tag);
    expect_as_buildah(tools, directory / "layout", tag);
  }
}

/// An image of hand-made layers.
void write_layout(const fs::path& path, const std::vector<std::string>& layers) {
  LayoutBuilder layout(path);
  std::vector<LayoutBuilder::Layer> stored;
  for (const auto& layer : layers) {
    stored.push_back({compressed(ARCHIVE_FILTER_GZIP, layer), layer,
                      "application/vnd.oci.image.layer.v1.tar+gzip"});
  }
  layout.finish(
      {layout.image(stored, R"(,"annotations":{"org.opencontainers.image.ref.name":"image"})")});
}

TarBuilder::Change attribute(const char* name, const std::string& value) {
  return [=](archive_entry* entry) {
    ::archive_entry_xattr_add_entry(entry, name, value.data(), value.size());
  };
}

/// user::rwx, user:1234:r--, group::r-x, mask::r-x, other::--- (<linux/posix_acl_xattr.h>).
const std::string acl(
    "\2\0\0\0"
    "\1\0\7\0\xff\xff\xff\xff"
    "\2\0\4\0\xd2\4\0\0"
    "\4\0\5\0\xff\xff\xff\xff"
    "\x10\0\5\0\xff\xff\xff\xff"
    "\x20\0\0\0\xff\xff\xff\xff",
    44);

TEST(Comparison, LayersAsOnlyAnArchiverWritesThem) {
  TarBuilder lower;
  lower.directory("d").file("d/a", "1").file("d/b", "1").directory("d/sub").file("d/sub/x", "1");
  lower.file("d/acl", "x", 0750, attribute("system.posix_acl_access", acl));
  lower.directory("with-default-acl", 0750, attribute("system.posix_acl_default", acl));
  lower.directory("e").file("e/old", "1").directory("e/sub").file("e/sub/old", "1");
  lower.directory("f").file("f/old", "1").hardlink("d/hard", "f/old").symlink("d/link", "a");
  lower.directory(".wh..wh.plnk").file(".wh..wh.aufs", "");
  TarBuilder upper;
  // Marks behind what their own layer has written, and of what is not there.
  upper.directory("e").directory("e/sub").file("e/sub/new", "2").file("e/.wh..wh..opq", "");
  upper.file(".wh.f", "").file("d/.wh.nothing", "").file("d/a", "2").file("d/.wh.sub", "");
  // A directory that is not named keeps the attributes that it has.
  upper.file("with-default-acl/later", "2", 0640);
  TarBuilder top;
  top.directory("d", 01700, [](archive_entry* entry) {
    ::archive_entry_set_uid(entry, 99);
    ::archive_entry_set_mtime(entry, 1'500'000'000, 1);
  });
  top.file("d/sub", "a file now").directory("f").file("f/new", "3");
  ReferenceTools tools;
  const TemporaryDirectory directory;
  write_layout(directory / "layout", {lower.finish(), upper.finish(), top.finish()});
  // An opaque mark empties it there after its entry has set its time.
  expect_as_umoci(tools, directory / "layout", "image", {"/e/sub"});
  // Unpacks each layer by itself, and so invents attributes for it.
  expect_as_buildah(tools, directory / "layout", "image", {"/with-default-acl"});
}

/// buildah refuses the same name twice in a layer ("duplicates of file paths not supported"), and
/// links across layers, because it unpacks each by itself; for the same reason a parent that is a
/// symlink in a lower layer becomes a directory of its own there, and hides what the link led to.
TEST(Comparison, LayersThatBuildahDoesNotTake) {
  TarBuilder lower;
  lower.directory("d").file("d/a", "1").file("d/b", "1").hardlink("d/c", "d/b");
  lower.file("twice", "first").file("twice", "second, longer");
  lower.file("becomes", "1").directory("becomes").file("becomes/in", "2");
  lower.directory("usr").directory("usr/lib").symlink("lib", "usr/lib");
  TarBuilder upper;
  upper.directory("d").hardlink("d/link-to-lower", "d/a").file("d/b", "2");
  upper.file("lib/library", "2").directory("usr").directory("usr/lib");
  ReferenceTools tools;
  const TemporaryDirectory directory;
  write_layout(directory / "layout", {lower.finish(), upper.finish()});
  expect_as_umoci(tools, directory / "layout", "image");
}

/// Named by DBOOT_LAYERED_IMAGE: tools/layered-image makes it.
TEST(ComparisonFull, DebianOfSeveralLayers) {
  const char* image = std::getenv("DBOOT_LAYERED_IMAGE");
  if (image == nullptr) GTEST_SKIP() << "tools/test machine-full makes the image";
  ReferenceTools tools;
  expect_as_umoci(tools, fs::path(image) / "layout", "debian");
  expect_as_buildah(tools, fs::path(image) / "layout", "debian");
}

}  // namespace
}  // namespace dboot
