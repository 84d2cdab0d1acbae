#include "injector/preflight/kept_mounts.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/sysmacros.h>

#include <filesystem>

#include "injector/failure.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/support/failure_of.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::kept_mounts {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

/// A root on vda1, and on vda2 and vdb what somebody may want to keep.
Storage storage() {
  Storage storage;
  storage.devices = {{"vda", makedev(254, 0), "", {}, "", ""},
                     {"vda1", makedev(254, 1), "vda", {}, "", ""},
                     {"vda2", makedev(254, 2), "vda", {}, "", ""},
                     {"vdb", makedev(254, 16), "", {}, "", ""},
                     {"loop0", makedev(7, 0), "", {}, "/var/disk", ""},
                     {"loop1", makedev(7, 1), "", {}, "/srv/disk", ""},
                     {"sda", makedev(8, 0), "", {}, "", "", "3"}};
  storage.mounts = parse_mount_table(
      "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
      "23 22 0:5 / /proc rw - proc proc rw\n"
      "24 22 254:2 / /srv rw - ext4 /dev/vda2 rw\n"
      "25 24 254:16 / /srv/data rw - xfs /dev/vdb rw\n"
      "26 22 254:1 /home /home rw - ext4 /dev/vda1 rw\n"
      "27 22 7:0 / /images rw - ext4 /dev/loop0 rw\n"
      "36 22 7:1 / /other rw - ext4 /dev/loop1 rw\n"
      "37 22 8:0 / /iscsi rw - ext4 /dev/sda rw\n"
      "28 22 0:40 / /far rw - nfs4 server:/ rw\n"
      "29 22 0:41 / /mnt/sshfs rw - fuse.sshfs server: rw\n"
      "30 22 0:42 / /auto rw - autofs systemd-1 rw\n"
      "31 22 0:43 / /mounted rw - autofs systemd-1 rw\n"
      "32 31 254:16 / /mounted rw - xfs /dev/vdb rw\n"
      "33 22 254:16 / /hidden/away rw - xfs /dev/vdb rw\n"
      "34 22 0:44 / /hidden rw - tmpfs tmpfs rw\n"
      "35 22 0:45 / /layers rw - overlay overlay rw,lowerdir=/a,upperdir=/b,workdir=/c\n");
  return storage;
}

std::string refusal(const std::string& path) {
  return failure_of([&] { chosen({path}, storage().mounts); });
}

std::vector<Remark> remarks(const std::string& path, bool network_is_kept = true) {
  return remarks_on({path}, storage(), network_is_kept);
}

TEST(KeptMounts, AreThoseThatAreNamedEachOnce) {
  EXPECT_THAT(chosen({"/srv/data", "/srv", "/home", "/srv"}, storage().mounts),
              ElementsAre("/home", "/srv"));
  EXPECT_THAT(chosen({"/srv/data"}, storage().mounts), ElementsAre("/srv/data"));
  // What autofs has mounted is one, too.
  EXPECT_THAT(chosen({"/mounted"}, storage().mounts), ElementsAre("/mounted"));
}

TEST(KeptMounts, AreNothingThatIsNoMountOrThatTheNewSystemHasItself) {
  EXPECT_THAT(refusal("/srv/data/deep"), HasSubstr("/srv/data/deep is no mount point"));
  EXPECT_THAT(refusal("/hidden/away"), HasSubstr("is no mount point"));
  EXPECT_THAT(refusal("/"), HasSubstr("the root itself cannot be kept"));
  EXPECT_THAT(refusal("/proc"), HasSubstr("has a /proc of its own"));
  EXPECT_THAT(refusal("/run/user/0"), HasSubstr("has a /run of its own"));
}

std::string mend_for(const std::string& path) {
  try {
    chosen({path}, storage().mounts);
  } catch (const Failure& failure) {
    return failure.mend();
  }
  return "none";
}

TEST(KeptMounts, AreNamedWhereSomethingElseIsMeant) {
  EXPECT_THAT(mend_for("/srv/data/deep/er"), HasSubstr("it lies on /srv/data: --keep /srv/data"));
  EXPECT_THAT(mend_for("/usr"), HasSubstr("findmnt"));
  EXPECT_THAT(mend_for("/run/user"), HasSubstr("mount --rbind /run/user /mnt/user"));
  EXPECT_EQ(mend_for("/proc"), "leave it out");
}

TEST(KeptMounts, AreNothingWhoseProgramEnds) {
  EXPECT_THAT(refusal("/auto"), HasSubstr("nothing is mounted on /auto yet"));
  EXPECT_THAT(refusal("/mnt/sshfs"), AllOf(HasSubstr("fuse.sshfs"), HasSubstr("ends")));
}

TEST(KeptMounts, OfADiskOfTheirOwnAreNothingToRemarkOn) {
  EXPECT_THAT(remarks("/srv"), IsEmpty());
  EXPECT_THAT(remarks("/far"), IsEmpty());
}

TEST(KeptMounts, ThatKeepTheOldRootsDiskAreRemarkedOn) {
  const auto of_root = Field(&Remark::what, HasSubstr("old root's disk stays in use"));
  EXPECT_THAT(remarks("/home"), ElementsAre(of_root));
  EXPECT_THAT(remarks("/images"), ElementsAre(of_root));
  EXPECT_THAT(remarks("/layers"), ElementsAre(of_root));
  EXPECT_THAT(remarks("/other"),
              ElementsAre(AllOf(Field(&Remark::what, HasSubstr("a file of ext4 on /srv")),
                                Field(&Remark::keeps_old_root, false))));
}

TEST(KeptMounts, ThatWillNotAnswerAreRemarkedOn) {
  EXPECT_THAT(remarks("/far", false), ElementsAre(Field(&Remark::mend, "--keep-network yes")));
  EXPECT_THAT(remarks("/iscsi", false), ElementsAre(Field(&Remark::mend, "--keep-network yes")));
  EXPECT_THAT(remarks("/iscsi"), IsEmpty());
  EXPECT_THAT(remarks("/mnt/sshfs"), ElementsAre(AllOf(Field(&Remark::where, "/mnt/sshfs"),
                                                       Field(&Remark::mend, "umount /mnt/sshfs"))));
}

TEST(KeptMounts, HaveAPlaceInTheNewRoot) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory / "there");
  std::filesystem::create_symlink("there", directory / "link");
  sys::replace_file(directory / "file", "", 0600);
  const UniqueFd root = sys::open(directory / "", O_PATH | O_DIRECTORY);
  make_places(root.get(), {"/there/a/b", "/new", "/there"});
  EXPECT_TRUE(std::filesystem::is_directory(directory / "there/a/b"));
  EXPECT_TRUE(std::filesystem::is_directory(directory / "new"));
  EXPECT_THAT(failure_of([&] { make_places(root.get(), {"/link/a"}); }),
              AllOf(HasSubstr("/link/a"), HasSubstr("the image's /link is a link to there")));
  EXPECT_FALSE(std::filesystem::exists(directory / "there/a/a"));
  EXPECT_THAT(failure_of([&] { make_places(root.get(), {"/file/a"}); }),
              HasSubstr("the image's /file is no directory"));
}

}  // namespace
}  // namespace dboot::kept_mounts
