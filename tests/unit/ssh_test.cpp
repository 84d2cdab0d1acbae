// What is decided about the way in over ssh.
#include <gmock/gmock.h>

#include "injector/from_host/libraries.hpp"
#include "injector/ssh/carried_server.hpp"
#include "injector/ssh/key_lines.hpp"
#include "injector/ssh/logins.hpp"
#include "injector/ssh/server.hpp"
#include "injector/ssh/settings.hpp"
#include "tests/support/failure_of.hpp"

namespace dboot::ssh {
namespace {

using namespace std::string_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(SshServer, IsKnownByHowItWasStartedAndByItsTitle) {
  EXPECT_THAT(words_of_listener("/usr/sbin/sshd\0-D\0-o\0Port=2222\0"s),
              ElementsAre("/usr/sbin/sshd", "-D", "-o", "Port=2222"));
  EXPECT_THAT(words_of_listener("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\0"s),
              ElementsAre("/usr/sbin/sshd", "-D"));
  for (const auto& other :
       {"sshd: root@pts/0\0"s, "sshd: root [priv]\0"s, "/bin/cat\0sshd\0"s, ""s,
        // Asked how it is configured, not started to serve.
        "/usr/sbin/sshd\0-T\0-o\0NoSuchOption\0-C\0user=root\0"s, "/usr/sbin/sshd\0-4t\0"s})
    EXPECT_THAT(words_of_listener(other), IsEmpty()) << other;
}

TEST(SshServer, KeepsTheOptionsThatConfigureIt) {
  EXPECT_THAT(options_of_configuration({"sshd", "-D", "-oCiphers=aes256-ctr", "-p", "2222", "-4De",
                                        "-f/etc/other", "-E", "/var/log/ssh", "-h", "/key"}),
              ElementsAre("-o", "Ciphers=aes256-ctr", "-p", "2222", "-4", "-f", "/etc/other", "-h",
                          "/key"));
}

TEST(SshSettings, AreReadAsTheServerTellsThem) {
  const Settings settings("port 22\nport 2222\nhostkeyagent none\nmacs a,b\n");
  EXPECT_THAT(settings.all("port"), ElementsAre("22", "2222"));
  EXPECT_EQ(settings.one("macs"), "a,b");
  EXPECT_EQ(settings.one("hostkeyagent"), "");
  EXPECT_EQ(settings.one("missing"), "");
}

TEST(SshSettings, SayWhoIsLetIn) {
  const auto lets = [](const char* text, const char* user) {
    return lets_in(Settings(text), user, user == std::string("root"), {user, "users"});
  };
  EXPECT_TRUE(lets("permitrootlogin without-password\n", "root"));
  EXPECT_FALSE(lets("permitrootlogin no\n", "root"));
  EXPECT_TRUE(lets("permitrootlogin no\n", "ada"));
  EXPECT_FALSE(lets("denyusers a*\n", "ada"));
  EXPECT_FALSE(lets("allowusers bob\nallowusers eve@192.0.2.*\n", "ada"));
  EXPECT_TRUE(lets("allowusers bob\nallowusers ada@192.0.2.*\n", "ada"));
  EXPECT_FALSE(lets("allowgroups wheel\n", "ada"));
  EXPECT_TRUE(lets("allowgroups wheel\nallowgroups users\n", "ada"));
  EXPECT_FALSE(lets("denygroups users\n", "ada"));
  EXPECT_FALSE(lets("permitrootlogin forced-commands-only\n", "root"));
  EXPECT_FALSE(lets("forcecommand /bin/backup\n", "ada"));
  EXPECT_TRUE(lets("forcecommand none\n", "ada"));
  EXPECT_FALSE(lets("allowgroups users@corp\n", "ada"));
}

TEST(SshSettings, LeaveOutWhatTakesPam) {
  const auto methods = [](const std::string& value) {
    return methods_without_pam(Settings("authenticationmethods " + value + "\n"));
  };
  EXPECT_EQ(methods("any"), "");
  EXPECT_EQ(methods("publickey,password publickey,keyboard-interactive:pam"), "publickey,password");
  EXPECT_THAT(failure_of([&] { methods("publickey,keyboard-interactive"); }),
              HasSubstr("AuthenticationMethods"));
}

TEST(SshKeys, ThatOnlyNameAnotherUserAreLeftOut) {
  const std::string of_cloud =
      "no-port-forwarding,no-agent-forwarding,no-X11-forwarding,command=\"echo 'Please login as "
      "the user \\\"ubuntu\\\" rather than the user \\\"root\\\".';echo;sleep 10;exit 142\" "
      "ssh-ed25519 AAAA one";
  EXPECT_THAT(usable_key_lines("# ours\n" + of_cloud + "\n\n  ssh-ed25519 AAAAB two \r\n" +
                               "command=\"/bin/backup\" ssh-rsa AAAAC\nno key\nssh-rsa "
                               "neither\nssh-ed25519 AAAAB two\n"),
              ElementsAre("ssh-ed25519 AAAAB two", "command=\"/bin/backup\" ssh-rsa AAAAC"));
  EXPECT_FALSE(only_names_another_user("ssh-ed25519 AAAA please login as me"));
}

TEST(SshKeys, LieWhereThePatternSays) {
  EXPECT_EQ(key_file_for(".ssh/authorized_keys", "ada", "/home/ada", 1000),
            "/home/ada/.ssh/authorized_keys");
  EXPECT_EQ(key_file_for("/etc/keys/%u-%U%%", "ada", "/home/ada", 1000), "/etc/keys/ada-1000%");
  EXPECT_EQ(key_file_for("%h/keys", "ada", "/home/ada", 1000), "/home/ada/keys");
}

TEST(SshLogins, TakePasswordsThatOpenSomething) {
  constexpr auto shadow = "root:!$y$locked:1:\nada:$y$hash:1:\nbob:*:1:\neve::1:\n";
  EXPECT_EQ(password_in(shadow, "ada"), "$y$hash");
  for (const char* user : {"root", "bob", "eve", "nobody"})
    EXPECT_EQ(password_in(shadow, user), "") << user;
}

Account account(const std::string& name, unsigned uid, const std::string& password = "") {
  return {{name, {"ssh-ed25519 AAAA"}, password}, uid, uid, {uid, 27}, "/home", "/bin/sh"};
}

TEST(SshLogins, HaveTheDatabasesOfTheirServer) {
  const auto databases =
      databases_for({account("ada", 1000, "$y$hash")}, "sshd:x:100:65534::/run\n");
  EXPECT_EQ(
      databases.passwd,
      "ada:x:1000:1000::/home:/bin/sh\nroot:x:0:0::/root:/bin/false\nsshd:x:100:65534::/run\n");
  EXPECT_EQ(databases.shadow, "ada:$y$hash:::::::\n");
  EXPECT_EQ(databases.group, "group-1000:x:1000:ada\ngroup-27:x:27:ada\n");
}

constexpr auto of_host =
    "port 22\nlistenaddress 0.0.0.0:22\nciphers aes256-ctr\nusepam yes\nx11forwarding yes\n"
    "allowtcpforwarding no\nbanner /etc/banner\nauthorizedkeysfile .ssh/authorized_keys\n";

TEST(CarriedSsh, KeepsWhatSaysHowOneGetsIn) {
  const auto text = configuration_of(Settings(of_host), {"/etc/ssh/key"}, {account("root", 0)});
  EXPECT_THAT(text, AllOf(HasSubstr("port 22\n"), HasSubstr("listenaddress 0.0.0.0:22\n"),
                          HasSubstr("ciphers aes256-ctr\n"), HasSubstr("allowtcpforwarding no\n"),
                          HasSubstr("HostKey /etc/ssh/key\n"), HasSubstr("UsePAM no\n"),
                          HasSubstr("ChrootDirectory /proc/1/root\n")));
  EXPECT_THAT(
      text, AllOf(HasSubstr("PubkeyAuthentication yes\n"), HasSubstr("PasswordAuthentication no\n"),
                  HasSubstr("PermitRootLogin prohibit-password\n"), Not(HasSubstr("banner")),
                  Not(HasSubstr("x11forwarding")), Not(HasSubstr("AllowUsers"))));
}

TEST(CarriedSsh, TakesPasswordsOfThoseWhoHaveOne) {
  const Settings settings(of_host);
  EXPECT_THAT(configuration_of(settings, {}, {account("root", 0), account("ada", 1000, "$y$")}),
              AllOf(HasSubstr("PasswordAuthentication yes\n"),
                    HasSubstr("PermitRootLogin prohibit-password\n")));
  EXPECT_THAT(configuration_of(settings, {}, {account("root", 0, "$y$")}),
              HasSubstr("PermitRootLogin yes\n"));
}

TEST(CarriedSsh, LetsInFromWhereTheHostDid) {
  const Settings settings(std::string(of_host) + "allowusers ada@10.0.0.*\ndenyusers r*\n");
  auto root = account("root", 0);
  root.login.is_added = true;
  EXPECT_THAT(configuration_of(settings, {}, {account("ada", 1000), root}),
              AllOf(HasSubstr("allowusers ada@10.0.0.*\n"), HasSubstr("allowusers root\n"),
                    Not(HasSubstr("denyusers"))));
}

TEST(CarriedSsh, LetsInFromOneAddressWhereTheHostDid) {
  auto ada = account("ada", 1000);
  ada.login.from = "10.0.0.7";
  EXPECT_THAT(configuration_of(Settings(of_host), {}, {ada, account("root", 0)}),
              AllOf(HasSubstr("allowusers ada@10.0.0.7\n"), HasSubstr("allowusers root\n")));
}

TEST(CarriedSsh, KeepsRootOutWhereThatIsNobody) {
  EXPECT_THAT(configuration_of(Settings(of_host), {}, {account("ada", 1000)}),
              AllOf(HasSubstr("denyusers root\n"), HasSubstr("PermitRootLogin no\n")));
}

TEST(SshSettings, TakeCertificatesThatNameTheUser) {
  EXPECT_TRUE(
      takes_certificates(Settings("trustedusercakeys /ca\nauthorizedprincipalsfile none\n")));
  EXPECT_FALSE(takes_certificates(
      Settings("trustedusercakeys /ca\nauthorizedprincipalsfile /etc/principals/%u\n")));
  EXPECT_FALSE(takes_certificates(Settings("trustedusercakeys none\n")));
}

TEST(SshLogins, AreNoneByAKeyForOneCommand) {
  EXPECT_TRUE(lets_a_person_in("no-pty ssh-ed25519 AAAA"));
  EXPECT_FALSE(lets_a_person_in("command=\"/bin/backup\" ssh-ed25519 AAAA"));
}

TEST(CarriedSsh, ListensWhereTheSessionCameIn) {
  EXPECT_TRUE(listens_at(Settings("port 22\nport 2222\n"), 2222));
  EXPECT_TRUE(listens_at(Settings("port 22\nlistenaddress [::]:2222\n"), 2222));
  EXPECT_FALSE(listens_at(Settings("port 22\nlistenaddress [::]:2222\n"), 22));
}

TEST(Libraries, AreThePathsThatTheLoaderLists) {
  EXPECT_THAT(rootfs::paths_in_listing(
                  "\tlinux-vdso.so.1 (0x00007ffe)\n\tlibz.so.1 => /lib/libz.so.1 (0x00007f)\n"
                  "\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n\tlibz.so.1 => /lib/libz.so.1 (0x7)\n"
                  "\tlibmissing.so => not found\n"),
              ElementsAre("/lib/libz.so.1", "/lib64/ld-linux-x86-64.so.2"));
  EXPECT_THAT(
      rootfs::paths_in_listing("\t/lib/ld-musl-x86_64.so.1 (0x7f)\n"
                               "\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f)\n"),
      ElementsAre("/lib/ld-musl-x86_64.so.1"));
}

}  // namespace
}  // namespace dboot::ssh
