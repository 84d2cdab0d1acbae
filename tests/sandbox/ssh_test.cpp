// The ssh server of this host, taken along and tried.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "injector/host_program.hpp"
#include "injector/ssh/carried_server.hpp"
#include "injector/ssh/logins.hpp"
#include "injector/ssh/server.hpp"
#include "injector/ssh/trial.hpp"
#include "shared/plan/layout.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/support/failure_of.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::ssh {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

/// Where keys may lie: nobody else may write what leads there, as in /tmp.
class KeysDirectory {
 public:
  KeysDirectory() { fs::create_directories(path_); }
  KeysDirectory(const KeysDirectory&) = delete;
  KeysDirectory& operator=(const KeysDirectory&) = delete;
  ~KeysDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_ = "/run/dboot-test-" + std::to_string(::getpid());
};

class SshComesAlong : public testing::Test {
 protected:
  SshComesAlong() {
    // What the service of it makes, which does not run here.
    ::mkdir("/run/sshd", 0755);
    fs::create_directories(directory_ / "bin");
    fs::create_directories(directory_ / "etc");
    fs::copy_file("/bin/busybox", directory_ / "bin/busybox");
    fs::create_symlink("busybox", directory_ / "bin/sh");
    root_ = sys::open(directory_ / "", O_PATH | O_DIRECTORY);
    sys::check(::fchmodat(root_.get(), ".", 0755, 0), "chmod");
  }

  void write(const std::string& name, const std::string& text, mode_t mode = 0644) const {
    sys::replace_file(directory_ / name, text, mode);
  }
  static CarriedServer carried(const std::string& options = "") {
    auto server = *find_server();
    if (!options.empty()) server.options = {"-o", options};
    auto settings = ask(server, "root", {});
    return CarriedServer(server, std::move(settings), {});
  }
  Account account(const std::string& name = "root") const {
    return account_in(root_.get(), {name, {}, ""}, false);
  }
  std::string failure(const CarriedServer& server, const Account& who) const {
    return failure_of([&] { try_to_log_in(server, {who}, "/bin", root_.get()); });
  }

  TemporaryDirectory directory_;
  UniqueFd root_;
};

TEST_F(SshComesAlong, AndLetsSomebodyIn) {
  EXPECT_EQ(failure(carried(), account()), "no failure");
}

TEST_F(SshComesAlong, WhateverTheHostAsksClientsFor) {
  for (const char* options :
       {"Ciphers=aes256-gcm@openssh.com", "Port=2222", "PermitRootLogin=no",
        "ListenAddress=192.0.2.1:22", "PubkeyAcceptedAlgorithms=rsa-sha2-512",
        "AllowUsers=root@192.0.2.1", "TrustedUserCAKeys=/nosuchfile", "PubkeyAuthentication=no"}) {
    EXPECT_EQ(failure(carried(options), account()), "no failure") << options;
  }
}

/// What it would say when it is started is said before.
TEST_F(SshComesAlong, AndAConfigurationThatItDoesNotTakeIsRefused) {
  EXPECT_THAT(failure(carried("AuthenticationMethods=publickey,password"), account()),
              AllOf(HasSubstr("does not take its configuration"),
                    HasSubstr("cannot be satisfied by enabled authentication methods")));
}

TEST_F(SshComesAlong, WithAPathThatItWouldReadAsSomethingElse) {
  EXPECT_EQ(failure_of([&] {
              try_to_log_in(carried(), {account()}, "/bin:/a b\"\nPermitEmptyPasswords yes",
                            root_.get());
            }),
            "no failure");
}

/// Root would execute what somebody has put there.
TEST_F(SshComesAlong, AndNotWhatSomebodyElseCallsSo) {
  sys::check(::chmod(directory_.path().c_str(), 0755), "chmod");
  fs::copy_file("/bin/sleep", directory_ / "sshd");
  const auto path = (directory_ / "sshd").string();
  for (const uid_t user : {65534U, 0U}) {
    // One is another user's, and the other can be written by others.
    if (user == 0) sys::check(::chmod(path.c_str(), 0777), "chmod");
    const pid_t pid = sys::check(::fork(), "fork");
    if (pid == 0) {
      if (::setuid(user) == 0) ::execl(path.c_str(), path.c_str(), "1000", nullptr);
      ::_exit(127);
    }
    const auto comm = "/proc/" + std::to_string(pid) + "/comm";
    while (sys::read_file_or_empty(comm) != "sshd\n") {
    }
    const auto server = find_server();
    ASSERT_TRUE(server);
    EXPECT_NE(server->program, path);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}

TEST_F(SshComesAlong, WithTheAccountOfTheImage) {
  write("etc/passwd", "root:x:0:0:root:/root:/bin/nosuchshell\nada:x:1000:1000::/:/bin/sh\n");
  const auto ada = account("ada");
  EXPECT_EQ(ada.uid, 1000U);
  EXPECT_EQ(failure(carried(), ada), "no failure");
  // Whom the image does not know has root's rights, and the shell that there is.
  const auto eve = account("eve");
  EXPECT_EQ(eve.uid, 0U);
  EXPECT_EQ(eve.shell, "/bin/sh");
  EXPECT_EQ(failure(carried(), eve), "no failure");
}

TEST_F(SshComesAlong, AndARootThatOthersMayWriteIsRefused) {
  sys::check(::fchmodat(root_.get(), ".", 0777, 0), "chmod");
  EXPECT_THAT(
      failure(carried(), account()),
      AllOf(HasSubstr("nobody could log in"), HasSubstr("a login of root has failed"),
            HasSubstr("bad ownership or modes for chroot directory"), HasSubstr("--no-ssh")));
}

/// The image is to be the machine's, and is not yet.
TEST_F(SshComesAlong, AndNothingOfTheImageIsExecuted) {
  write("bin/bash", "#!/bin/sh\n: >/trace\n", 0755);
  write("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
  EXPECT_EQ(failure(carried(), account()), "no failure");
  EXPECT_FALSE(fs::exists(directory_ / "trace"));
}

TEST_F(SshComesAlong, AndAnImageWithoutAShellIsRefusedOrGetsOne) {
  fs::remove_all(directory_ / "bin");
  EXPECT_THAT(failure_of([&] { account(); }),
              AllOf(HasSubstr("no shell that root could log in with"), HasSubstr("--busybox")));
  EXPECT_EQ(account_in(root_.get(), {"root", {}, ""}, true).shell, layout::shell);
}

TEST_F(SshComesAlong, AndKeysThatCannotBeReadAreRefused) {
  EXPECT_THAT(
      failure_of([] { CarriedServer(*find_server(), Settings("hostkey /nosuchkey\n"), {}); }),
      HasSubstr("no host key that can be read"));
}

TEST_F(SshComesAlong, AndAHostThatCannotBeAskedIsRefused) {
  EXPECT_THAT(failure_of([] { carried("NoSuchOption=yes"); }),
              AllOf(HasSubstr("does not say how it is configured"), HasSubstr("NoSuchOption")));
}

TEST_F(SshComesAlong, WithAllThatItIsMadeOf) {
  const TemporaryDirectory place;
  const UniqueFd directory = sys::open(place / "", O_PATH | O_DIRECTORY);
  auto who = account();
  who.login.keys = {"ssh-ed25519 AAAA"};
  const auto server = carried();
  server.write(directory.get(), {who}, "/bin", CarriedServer::Devices::of_new_system);
  EXPECT_EQ(fs::read_symlink(place / "dev"), "proc/1/root/dev");
  EXPECT_EQ(sys::read_file(place / "etc/ssh/keys.dboot/root"), "ssh-ed25519 AAAA\n");
  EXPECT_THAT(sys::read_file(place / "etc/ssh/sshd_config.dboot"), HasSubstr("SetEnv PATH=/bin\n"));
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(place / "")) {
    if (entry.is_regular_file() && !entry.is_symlink()) bytes += entry.file_size();
  }
  EXPECT_GE(server.bytes() + 16'384, bytes);
  struct stat status {};
  ASSERT_EQ(::stat((place / "etc/ssh/ssh_host_ed25519_key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
}

TEST_F(SshComesAlong, AndWhoseKeysAreFoundWhereTheServerSays) {
  const KeysDirectory keys;
  sys::replace_file(keys / "root", "ssh-ed25519 AAAA of root\n", 0600);
  auto server = *find_server();
  server.options = {"-o", "AuthorizedKeysFile=" + (keys / "%u").string()};
  const auto logins = find_logins(server, {}, {"ssh-ed25519 AAAAB more"});
  ASSERT_EQ(logins.size(), 1U);
  EXPECT_EQ(logins.front().name, "root");
  EXPECT_THAT(logins.front().keys,
              testing::ElementsAre("ssh-ed25519 AAAA of root", "ssh-ed25519 AAAAB more"));
}

TEST_F(SshComesAlong, AndKeysThatOthersMayWriteAreLeftOut) {
  const KeysDirectory keys;
  sys::replace_file(keys / "root", "ssh-ed25519 AAAA of root\n", 0600);
  auto server = *find_server();
  server.options = {"-o", "AuthorizedKeysFile=" + (keys / "%u").string()};
  EXPECT_EQ(find_logins(server, {}, {}).size(), 1U);
  sys::check(::chmod((keys / "root").c_str(), 0620), "chmod");
  EXPECT_EQ(find_logins(server, {}, {}).size(), 0U);
  server.options.insert(server.options.end(), {"-o", "StrictModes=no"});
  EXPECT_EQ(find_logins(server, {}, {}).size(), 1U);
}

TEST_F(SshComesAlong, AndTheCommandForKeysIsAsked) {
  const KeysDirectory keys;
  sys::check(::chmod((keys / "").c_str(), 0755), "chmod");
  sys::replace_file(keys / "command", "#!/bin/sh\necho \"ssh-ed25519 AAAA of $1 by $(id -un)\"\n",
                    0755);
  auto server = *find_server();
  server.options = {"-o", "AuthorizedKeysFile=none",
                    "-o", "AuthorizedKeysCommandUser=nobody",
                    "-o", "AuthorizedKeysCommand=" + (keys / "command %u").string()};
  const auto logins = find_logins(server, {}, {});
  ASSERT_EQ(logins.size(), 1U);
  EXPECT_THAT(logins.front().keys, testing::ElementsAre("ssh-ed25519 AAAA of root by nobody"));
}

TEST(HostProgram, IsRunToItsEnd) {
  using namespace std::chrono_literals;
  const auto answer = host_program::run({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, 10s);
  EXPECT_EQ(answer.output, "out\n");
  EXPECT_EQ(answer.errors, "err\n");
  EXPECT_EQ(WEXITSTATUS(answer.status), 3);
  EXPECT_THAT(failure_of([] { host_program::run({"/nosuchprogram"}, 10s); }),
              HasSubstr("cannot execute /nosuchprogram: No such file"));
  EXPECT_THAT(failure_of([] {
                host_program::run({"/bin/sh", "-c", "while :; do :; done"}, 1s);
              }),
              HasSubstr("has not ended after 1 s"));
}

}  // namespace
}  // namespace dboot::ssh
