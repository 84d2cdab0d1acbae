// Who has come over ssh comes in again, with the same host key, where the image has no ssh server.
#include <gmock/gmock.h>

#include "shared/system/syscalls.hpp"
#include "tests/machine/driver/host.hpp"
#include "tests/machine/ssh_client.hpp"

namespace dboot::machine {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

/// To the shell that is the command, types something there, and leaves it.
void attach_and_leave(const SshClient& client) {
  std::string ssh;
  for (const auto& word : client.command("ssh", {"-tt", "root@127.0.0.1", "dboot-attach"}))
    ssh += " '" + word + "'";
  const auto said = run_program({"timeout", "60", "bash", "-c",
                                 "coproc SSH {" + ssh +
                                     "; }\nprintf 'echo attached-$((40+2))\\r' >&${SSH[1]}\n"
                                     "while read -r line <&${SSH[0]}; do echo \"$line\"\n"
                                     "if [[ $line == *attached-42* ]]; then printf '\\x10\\x11' "
                                     ">&${SSH[1]}; fi; done; wait"});
  EXPECT_EQ(said.status, 0) << said.text;
  EXPECT_THAT(said.text, HasSubstr("dboot-attach: left; the command goes on"));
}

TEST(Ssh, ComesInAgainWhereTheImageHasNone) {
  Host host(Host::Console::serial);
  const SshClient client(host.machine(), host.shell());
  client.let_in(host.shell(), "root");
  client.take_over(host.machine(), "root", "/opt/dboot/dboot-inject --yes busybox -- /bin/sh");

  EXPECT_THAT(client.ssh({"root@127.0.0.1", "cat /proc/1/comm; readlink /proc/self/exe"}).text,
              AllOf(HasSubstr("dboot-init"), HasSubstr("/bin/busybox")));
  EXPECT_THAT(client.ssh({"-tt", "root@127.0.0.1", "tty"}).text, HasSubstr("/dev/pts/"));
  write_text(client.path("file"), "some text");
  const auto there =
      run_program(client.command("scp", {client.path("file"), "root@127.0.0.1:/tmp/file"}));
  EXPECT_EQ(there.status, 0) << there.text;
  write_text(client.path("orders"), "get /tmp/file " + client.path("back") + "\n");
  const auto back =
      run_program(client.command("sftp", {"-b", client.path("orders"), "root@127.0.0.1"}));
  EXPECT_EQ(back.status, 0) << back.text;
  EXPECT_EQ(sys::read_file(client.path("back")), "some text");
  EXPECT_THAT(client.ssh({"root@127.0.0.1", "cat /run/dboot/payload.log"}).text,
              AllOf(ContainsRegex("old root released disks=[0-9]+ .*busy=0"),
                    HasSubstr("a login to the new system was tried user=root")));
  // It is to be confirmed, as who logs in is told.
  EXPECT_THAT(client.type("root", "exit\r"),
              ContainsRegex("not confirmed: in ([2-9]|10) minutes? the machine reboots"));
  EXPECT_THAT(client.ssh({"root@127.0.0.1", "dboot-confirm --status; dboot-confirm"}).text,
              ContainsRegex("disk in [0-9]+ minutes.*\nconfirmed: the new system stays\n"));
  EXPECT_THAT(client.ssh({"root@127.0.0.1", "cat /etc/motd"}).text, HasSubstr("No such file"));
  attach_and_leave(client);
  // The console shows what was typed there.
  host.console().expect("attached-42", 60s);
  // Whoever ends it has it again.
  client.ssh({"root@127.0.0.1",
              "for process in /proc/[0-9]*; do\n"
              "read -r pid name state parent rest <$process/stat\n"
              "if [ \"$name $parent\" = '(sshd) 1' ]; then kill -9 $pid; fi; done"});
  EXPECT_TRUE(client.await_login("root"));
  EXPECT_THAT(client.ssh({"root@127.0.0.1", "cat /run/dboot/payload.log"}).text,
              HasSubstr("companion has ended, and is started again name=\"ssh server\""));
}

/// Whoever has no console sees why, and the machine is not rebooted under them at once.
TEST(Ssh, ComesInWhereTheTakeoverHasFailed) {
  Host host(Host::Console::serial);
  const SshClient client(host.machine(), host.shell());
  client.let_in(host.shell(), "root");
  host.shell().output_of("printf '#!/bin/sh\\nexit 7\\n' >/root/fails; chmod +x /root/fails");
  client.take_over(host.machine(), "root",
                   "/opt/dboot/dboot-inject --yes --hook after:release=/root/fails! busybox -- "
                   "/bin/sh");
  EXPECT_THAT(
      client.ssh({"root@127.0.0.1", "readlink /proc/self/exe; cat /run/dboot/payload.log"}).text,
      AllOf(HasSubstr("/bin/busybox"), HasSubstr("failure the takeover has failed"),
            HasSubstr("exit status 7")));
}

/// An image of a cloud: nobody is to log in as root, and there is a user with sudo.
TEST(Ssh, ComesInAgainWithTheNameOfACloudsUser) {
  Host host(Host::Console::serial);
  const SshClient client(host.machine(), host.shell());
  host.shell().output_of(
      "useradd --create-home --shell /bin/bash debian\n"
      "echo 'debian ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/debian");
  client.let_in(host.shell(), "debian");
  client.let_in(host.shell(), "root",
                "command=\"echo 'Please login as the user \\\"debian\\\" rather than the user "
                "\\\"root\\\".';echo;sleep 10;exit 142\" ");
  client.take_over(host.machine(), "debian",
                   "sudo /opt/dboot/dboot-inject --yes bash -- /bin/bash");
  EXPECT_THAT(client.ssh({"debian@127.0.0.1", "cat /proc/1/comm; echo $UID $PATH"}).text,
              AllOf(HasSubstr("dboot-init"), HasSubstr("\n0 /")));
  EXPECT_EQ(client.ssh({"root@127.0.0.1", "exit 0"}).status, 255);
}

}  // namespace
}  // namespace dboot::machine
