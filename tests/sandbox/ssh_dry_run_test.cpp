// What dboot-inject says of the way in over ssh, and where it refuses for its sake.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/sandbox/unchanged_host.hpp"

namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SshDryRun : public UnchangedHost {
 protected:
  SshDryRun() {
    // What the service of it makes, which does not run here.
    in_host("mkdir -p /run/sshd; rm -f " + key() + "*; ssh-keygen -q -t ed25519 -N '' -f " + key());
  }

  void in_host(const std::string& command) const {
    const auto result = host_.run({"/bin/sh", "-e", "-c", command});
    ASSERT_EQ(result.status, 0) << result.output;
  }
  std::string key() const { return (directory_ / "key").string(); }
  SandboxHost::Result dry_run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {DBOOT_INJECT, "--dry-run"});
    arguments.insert(arguments.end(), {image(), "sh"});
    return host_.run(arguments);
  }
};

TEST_F(SshDryRun, SaysWhoMayLogIn) {
  const auto result = dry_run({"--json", "--ssh-key", key() + ".pub"});
  ASSERT_EQ(result.status, 0) << result.output;
  boost::json::object document;
  for (const auto line : lines_of(result.output))
    if (line.starts_with('{')) document = boost::json::parse(line).as_object();
  const auto& ssh = document.at("ssh").as_object();
  EXPECT_TRUE(ssh.at("tried").as_bool());
  EXPECT_TRUE(ssh.at("host_server").as_bool());
  EXPECT_FALSE(ssh.at("image_server").as_bool());
  const auto& root = ssh.at("guests").as_array().at(0).as_object();
  EXPECT_EQ(root.at("name").as_string(), "root");
  EXPECT_TRUE(root.at("root").as_bool());
  EXPECT_GE(root.at("keys").to_number<int>(), 1);
  const auto page = sys::read_file(DBOOT_SOURCE_DIR "/injector/dboot-dry-run.5.md");
  for (const auto& field : {ssh, root})
    for (const auto& member : field)
      EXPECT_THAT(page, HasSubstr('`' + std::string(member.key()) + '`'));
}

TEST_F(SshDryRun, IsRefusedWhereTheHostHasNoServer) {
  in_host("mount --bind /dev/null /usr/sbin/sshd");
  const auto result = dry_run({"--keep-ssh", "yes"});
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("no ssh server that could come along: no sshd of OpenSSH"),
                    HasSubstr("install openssh-server"), HasSubstr("--no-ssh")));
}

TEST_F(SshDryRun, IsRefusedWhereTheHostHasDropbearAlone) {
  in_host("mount --bind /dev/null /usr/sbin/sshd; cp /bin/sleep " +
          (directory_ / "dropbear").string() + "; " + (directory_ / "dropbear").string() +
          " 600 >/dev/null 2>&1 &");
  SandboxHost::Result result;
  EXPECT_TRUE(eventually([&] {
    result = dry_run({"--keep-ssh", "yes"});
    return result.output.find("dropbear") != std::string::npos;
  })) << result.output;
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, AllOf(HasSubstr("its dropbear cannot go into a new root"),
                                   HasSubstr("install openssh-server")));
}

TEST_F(SshDryRun, IsRefusedForAKeyThatIsNone) {
  EXPECT_THAT(dry_run({"--ssh-key", key()}).output,
              AllOf(HasSubstr("is a private key"), HasSubstr("name the public one")));
  EXPECT_THAT(dry_run({"--ssh-key", "/nosuchfile"}).output,
              AllOf(HasSubstr("cannot read the key /nosuchfile"), HasSubstr("--ssh-key")));
  EXPECT_THAT(dry_run({"--ssh-key", image()}).output, HasSubstr("has no key in it"));
  EXPECT_THAT(dry_run({"--no-ssh", "--ssh-key", key() + ".pub"}).output,
              HasSubstr("leave out --no-ssh, or these"));
}

}  // namespace
}  // namespace dboot::testing
