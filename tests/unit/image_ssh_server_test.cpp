// An ssh server that the image starts by itself, and the keys that it gets.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "injector/ssh/image_server.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/support/failure_of.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::ssh {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class ImageServer : public testing::Test {
 protected:
  ImageServer() {
    plan_.start = Start::exec;
    plan_.executable = "/sbin/init";
    boots_by("/usr/lib/systemd/systemd");
    write("usr/sbin/sshd", "");
    write("etc/passwd", "root:x:0:0::/root:/bin/sh\nada:x:1000:1001::/home/ada:/bin/sh\n");
    write("etc/shadow", "root:*:::::::");
    write("etc/ssh/sshd_config", "# HostKey /etc/ssh/other_rsa\n");
  }

  void boots_by(const std::string& init) const {
    write(init.substr(1), "");
    fs::remove(root_ / "sbin/init");
    if (init != "/sbin/init") link(init, "sbin/init");
  }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    write_text(root_ / name, text);
  }
  void link(const std::string& target, const std::string& name) const {
    fs::create_directories((root_ / name).parent_path());
    fs::create_symlink(target, root_ / name);
  }
  std::string text(const std::string& name) const { return sys::read_file(root_ / name); }
  struct stat status(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(::stat((root_ / name).c_str(), &status), 0) << name;
    return status;
  }

  std::string starter() const { return starter_of_image_server(root().get(), plan_); }
  UniqueFd root() const { return sys::open(root_.path(), O_PATH | O_DIRECTORY); }
  void give(const std::vector<Login>& logins) const {
    write_text(host_ / "ssh_host_ed25519_key", "the host's\n");
    write_text(host_ / "ssh_host_ed25519_key.pub", "public\n");
    give_keys(root().get(), {host_ / "ssh_host_ed25519_key"}, logins);
  }

  TemporaryDirectory root_;
  TemporaryDirectory host_;
  Plan plan_;
};

TEST_F(ImageServer, IsFoundWhereSystemdStartsIt) {
  EXPECT_EQ(starter(), "");
  link("/lib/systemd/system/ssh.service", "etc/systemd/system/multi-user.target.wants/ssh.service");
  EXPECT_EQ(starter(), "/etc/systemd/system/multi-user.target.wants/ssh.service");
  link("/dev/null", "etc/systemd/system/ssh.service");
  EXPECT_EQ(starter(), "");
  link("/lib/systemd/system/sshd.socket", "etc/systemd/system/sockets.target.wants/sshd.socket");
  EXPECT_EQ(starter(), "/etc/systemd/system/sockets.target.wants/sshd.socket");
}

TEST_F(ImageServer, IsFoundWhereOtherInitsStartIt) {
  // As Debian's package leaves it for each of them.
  link("nowhere", "etc/rc2.d/S01ssh");
  EXPECT_EQ(starter(), "");
  write("sbin/init", "");
  boots_by("/usr/sbin/runit-init");
  EXPECT_EQ(starter(), "");
  link("nowhere", "etc/runit/runsvdir/default/ssh");
  EXPECT_EQ(starter(), "/etc/runit/runsvdir/default/ssh");
  boots_by("/bin/busybox");
  EXPECT_EQ(starter(), "");
  write("sbin/openrc", "");
  EXPECT_EQ(starter(), "");
  link("nowhere", "etc/runlevels/default/sshd");
  EXPECT_EQ(starter(), "/etc/runlevels/default/sshd");
  boots_by("/usr/bin/tini");
  EXPECT_EQ(starter(), "");
}

TEST_F(ImageServer, IsFoundWhereSysvinitStartsIt) {
  fs::remove(root_ / "sbin/init");
  write("sbin/init", "");
  link("nowhere", "etc/rc2.d/K01ssh");
  EXPECT_EQ(starter(), "");
  link("nowhere", "etc/rc2.d/S01ssh");
  EXPECT_EQ(starter(), "/etc/rc2.d/S01ssh");
}

TEST_F(ImageServer, IsTheCommandItself) {
  plan_.start = Start::supervise;
  link("nowhere", "etc/systemd/system/multi-user.target.wants/ssh.service");
  EXPECT_EQ(starter(), "");
  plan_.executable = "/usr/sbin/sshd";
  EXPECT_EQ(starter(), "/usr/sbin/sshd");
}

TEST_F(ImageServer, IsNoneWithoutItsProgram) {
  fs::remove(root_ / "usr/sbin/sshd");
  link("nowhere", "etc/systemd/system/multi-user.target.wants/ssh.service");
  EXPECT_EQ(starter(), "");
}

TEST_F(ImageServer, HasTheHostsKeysAndLetsTheSamePeopleIn) {
  write("etc/ssh/ssh_host_ed25519_key", "the image's\n");
  write("root/.ssh/authorized_keys", "ssh-ed25519 AAAAIMAGE");
  give({{"root", {"ssh-ed25519 AAAAIMAGE", "ssh-ed25519 AAAAHOST"}, ""},
        {"ada", {"ssh-ed25519 ADA"}, ""}});
  EXPECT_EQ(text("etc/ssh/ssh_host_ed25519_key"), "the host's\n");
  EXPECT_EQ(text("etc/ssh/ssh_host_ed25519_key.pub"), "public\n");
  EXPECT_EQ(status("etc/ssh/ssh_host_ed25519_key").st_mode & 07777U, 0600U);
  EXPECT_EQ(text("root/.ssh/authorized_keys"), "ssh-ed25519 AAAAIMAGE\nssh-ed25519 AAAAHOST\n");
  EXPECT_EQ(text("home/ada/.ssh/authorized_keys"), "ssh-ed25519 ADA\n");
  for (const char* name : {"home/ada/.ssh", "home/ada/.ssh/authorized_keys"}) {
    EXPECT_EQ(status(name).st_uid, 1000U) << name;
    EXPECT_EQ(status(name).st_gid, 1001U) << name;
    EXPECT_EQ(status(name).st_mode & 077U, 0U) << name;
  }
}

TEST_F(ImageServer, HasAnAccountForWhomTheImageDoesNotKnow) {
  give({{"ubuntu", {"ssh-ed25519 KEY"}, ""}});
  EXPECT_THAT(text("etc/passwd"), HasSubstr("\nubuntu:x:0:0:made by dboot-inject:/root:/bin/sh\n"));
  EXPECT_EQ(text("etc/shadow"), "root:*:::::::\nubuntu:*:::::::\n");
  EXPECT_EQ(text("root/.ssh/authorized_keys"), "ssh-ed25519 KEY\n");
}

TEST_F(ImageServer, KeepsItsKeysFromCloudInit) {
  fs::create_directories(root_ / "etc/cloud");
  give({});
  EXPECT_THAT(text("etc/cloud/cloud.cfg.d/99-dboot-ssh.cfg"), HasSubstr("ssh_deletekeys: false\n"));
}

TEST_F(ImageServer, HasTheRulesOfAllItsFiles) {
  EXPECT_THAT(rules_of_image_server(root().get()).ports, testing::ElementsAre(22));
  write("etc/ssh/sshd_config.d/10.conf", "Match User backup\nX11Forwarding no\n");
  write("etc/ssh/sshd_config", "Port 2022\nPermitRootLogin no\n");
  const auto rules = rules_of_image_server(root().get());
  EXPECT_EQ(rules.obstacle, "PermitRootLogin no");
  EXPECT_THAT(rules.ports, testing::ElementsAre(2022));
}

/// What it leads to outside stays as it is.
TEST_F(ImageServer, IsNotFollowedOutOfItsRoot) {
  const TemporaryDirectory outside;
  fs::create_directories(root_ / "root");
  fs::create_directory_symlink(outside.path(), root_ / "root/.ssh");
  fs::remove_all(root_ / "etc/ssh");
  fs::create_directory_symlink("../../../.." + outside.path().string(), root_ / "etc/ssh");
  give({{"root", {"ssh-ed25519 KEY"}, ""}});
  EXPECT_TRUE(fs::is_empty(outside.path()));
  // There, inside.
  EXPECT_EQ(text(outside.path().string().substr(1) + "/authorized_keys"), "ssh-ed25519 KEY\n");
}

TEST_F(ImageServer, WhoseDirectoryIsHiddenIsRefused) {
  fs::create_directories(root_ / "root");
  fs::create_directory_symlink("/run/keys", root_ / "root/.ssh");
  EXPECT_THAT(failure_of([&] {
                give({{"root", {"ssh-ed25519 KEY"}, ""}});
              }),
              AllOf(HasSubstr(".ssh"), HasSubstr("hidden by what the new system mounts on /run")));
}

TEST(RulesOfAnImage, SayWhatMayKeepPeopleOut) {
  EXPECT_EQ(rules_in("PermitRootLogin yes\n#AllowUsers a\n").obstacle, "");
  EXPECT_EQ(rules_in("permitrootlogin No\n").obstacle, "permitrootlogin No");
  EXPECT_EQ(rules_in("AllowGroups wheel\n").obstacle, "AllowGroups wheel");
  EXPECT_EQ(rules_in("AuthorizedKeysFile /etc/keys/%u\n").obstacle,
            "AuthorizedKeysFile /etc/keys/%u");
  EXPECT_EQ(rules_in("AuthorizedKeysFile .ssh/authorized_keys /etc/keys/%u\n").obstacle, "");
  EXPECT_EQ(rules_in("Match User backup\nPermitRootLogin no\n").obstacle, "");
  EXPECT_EQ(rules_in("PermitRootLogin=no\n").obstacle, "PermitRootLogin no");
  EXPECT_EQ(rules_in("AllowUsers \"ada\"\n").obstacle, "AllowUsers ada");
  EXPECT_THAT(rules_in("").ports, testing::IsEmpty());
  EXPECT_THAT(rules_in("Port 2222\nPort 22\n").ports, testing::ElementsAre(2222, 22));
}

TEST(HostKeyOfAnImage, LiesWhereItsConfigurationSays) {
  EXPECT_EQ(host_key_path("Port 22\n", "rsa"), "/etc/ssh/ssh_host_rsa_key");
  EXPECT_EQ(host_key_path("hostkey /keys/my_rsa_key\nHostKey /keys/ed25519\n", "rsa"),
            "/keys/my_rsa_key");
  EXPECT_EQ(host_key_path("#HostKey /keys/ed25519\nHostKeyAlgorithms /ed25519\n", "ed25519"),
            "/etc/ssh/ssh_host_ed25519_key");
}

}  // namespace
}  // namespace dboot::ssh
