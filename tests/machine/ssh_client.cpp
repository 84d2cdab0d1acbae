#include "tests/machine/ssh_client.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <chrono>
#include <iostream>

#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/machine/driver/files.hpp"

namespace dboot::machine {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

constexpr std::uint16_t port = 22;

}  // namespace

SshClient::SshClient(Machine& machine, Shell& shell)
    : way_in_(machine.plug_in_network_with_way_in(port)) {
  EXPECT_EQ(run_program({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path("key")}).status,
            0);
  shell.output_of(
      "until ls -d /sys/class/net/e* >/dev/null 2>&1; do :; done; udevadm settle\n"
      "card=$(basename /sys/class/net/e*); ip link set $card up\n"
      "ip address add 10.0.2.15/24 dev $card; systemctl start ssh",
      90s);
  const auto keys = shell.output_of("cat /etc/ssh/ssh_host_*_key.pub");
  std::string known;
  for (const auto line : lines_of(std::string_view(keys)))
    known += "[127.0.0.1]:" + std::to_string(way_in_) + ' ' + std::string(line) + '\n';
  write_text(directory_ / "known", known);
}

std::string SshClient::public_key() const {
  return sys::read_file(path("key.pub"));
}

SshClient::Words SshClient::command(const std::string& program, const Words& rest) const {
  // scp and sftp have another option for the port.
  const char* const port_option = program == "ssh" ? "-p" : "-P";
  Words words{program, "-F", "none", "-i", path("key"), port_option, std::to_string(way_in_)};
  const Words how = has_password_ ? Words{"PubkeyAuthentication=no", "NumberOfPasswordPrompts=1"}
                                  : Words{"BatchMode=yes"};
  for (const auto& options : {Words{"UserKnownHostsFile=" + path("known"),
                                    "StrictHostKeyChecking=yes", "ConnectTimeout=30"},
                              how}) {
    for (const auto& option : options) words.insert(words.end(), {"-o", option});
  }
  if (has_password_)
    words.insert(words.begin(),
                 {"env", "SSH_ASKPASS=" + path("askpass"), "SSH_ASKPASS_REQUIRE=force"});
  words.insert(words.end(), rest.begin(), rest.end());
  return words;
}

void SshClient::use_password(const std::string& password) {
  has_password_ = true;
  sys::replace_file(path("askpass"), "#!/bin/sh\necho '" + password + "'\n", 0700);
}

void SshClient::write_programs_for(const std::string& name,
                                   const std::filesystem::path& directory) const {
  write_text(directory / "config", "Host " + name + "\nHostName 127.0.0.1\nPort " +
                                       std::to_string(way_in_) + "\nIdentityFile " + path("key") +
                                       "\nUserKnownHostsFile " + path("known") +
                                       "\nStrictHostKeyChecking yes\nBatchMode yes\n");
  for (const std::string program : {"ssh", "scp"})
    write_text(directory / program,
               "#!/bin/sh\nexec /usr/bin/" + program + " -F " + (directory / "config").string() +
                   " \"$@\"\n",
               0755);
}

Output SshClient::ssh(const Words& rest) const {
  return run_program(command("ssh", rest));
}

std::string SshClient::type(const std::string& user, const std::string& typed) const {
  std::string ssh;
  for (const auto& word : command("ssh", {"-tt", user + "@127.0.0.1"})) ssh += " '" + word + "'";
  return run_program({"timeout", "60", "bash", "-c", "printf '" + typed + "' | " + ssh}).text;
}

void SshClient::let_in(Shell& shell, const std::string& user, const std::string& before) const {
  shell.output_of("home=$(getent passwd " + user +
                  " | cut -d: -f6); mkdir -p $home/.ssh\n"
                  "cat >$home/.ssh/authorized_keys <<'END'\n" +
                  before + public_key() + "END\nchown -R " + user +
                  ": $home/.ssh; chmod -R go= $home/.ssh");
}

bool SshClient::await_login(const std::string& user) const {
  const auto end = Clock::now() + std::chrono::seconds(60);
  Output answer{"", 255};
  while (answer.status != 0 && Clock::now() < end) answer = ssh({user + "@127.0.0.1", "exit 0"});
  EXPECT_EQ(answer.status, 0) << answer.text;
  return answer.status == 0;
}

void SshClient::take_over(Machine& machine, const std::string& user, const std::string& command,
                          const std::string& ready) const {
  const auto words = files::artefact("session");
  const UniqueFd said = sys::open(words, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  Child session(this->command("ssh", {user + "@127.0.0.1", command}), {}, said.get());
  machine.console().expect("the session of who looks on ends", 180s);
  EXPECT_EQ(session.wait(), 0);
  const auto ended = Clock::now();
  // It has seen how it went, to the end.
  EXPECT_THAT(sys::read_file(words),
              AllOf(ContainsRegex("terminate the session of who looks on ends processes=[0-9]+"),
                    ContainsRegex("\nmemory +[0-9.]+ [MG]iB available now, some "),
                    ContainsRegex("\ndisks +vda released\n"),
                    ContainsRegex("\nends +[0-9]+ processes, and this ssh session\n"),
                    ContainsRegex("\n(network)? +e[a-z0-9]+ 10.0.2.15/24[^\n]* stays\n"),
                    ContainsRegex("\nlog in +ssh " + user + "@10.0.2.15\n"),
                    ContainsRegex("\nThis session ends. Log in again: ssh " + user +
                                  "@10.0.2.15; confirm within [0-9]+ (minutes|seconds): "
                                  "ssh [a-z]+@10.0.2.15 dboot-confirm\n")));
  if (!ready.empty()) machine.console().expect(ready, 240s);
  EXPECT_TRUE(await_login(user));
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - ended).count();
  std::cout << "logged in again after " << milliseconds << " ms\n";
}

}  // namespace dboot::machine
