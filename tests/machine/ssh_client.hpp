#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/machine/driver/child.hpp"
#include "tests/machine/driver/machine.hpp"
#include "tests/machine/driver/shell.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::machine {

/// OpenSSH's client, outside of a machine that is its host: it knows the machine's host keys and
/// believes no others.
class SshClient {
 public:
  using Words = std::vector<std::string>;

  /// Gives the machine a card on QEMU's own network, its address, and a server that listens.
  /// `shell`: a root shell in there.
  SshClient(Machine& machine, Shell& shell);

  /// A file of the client's own directory.
  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  /// The line of authorized_keys that lets this client in.
  std::string public_key() const;

  /// From now on it has no key, and that password.
  void use_password(const std::string& password);
  /// From now on it has its key again.
  void use_key() { has_password_ = false; }

  /// ssh, scp or sftp, and what follows the options of this client.
  Words command(const std::string& program, const Words& rest) const;
  /// Programs ssh and scp in that directory that know this client's machine by that name.
  void write_programs_for(const std::string& name, const std::filesystem::path& directory) const;
  /// `rest`: options, USER@127.0.0.1, and a command.
  Output ssh(const Words& rest) const;
  /// Logs in to a terminal as that user and types that. What was shown.
  std::string type(const std::string& user, const std::string& typed) const;
  /// Lets this client in as that user. `before`: what stands before the key.
  void let_in(Shell& shell, const std::string& user, const std::string& before = "") const;
  /// Types a takeover over ssh, as that user. It is seen to its end there, the session ends well,
  /// and one can log in again: how long after that is said. `ready`: what the console shows by
  /// then; empty: nothing that is waited for.
  void take_over(Machine& machine, const std::string& user, const std::string& command,
                 const std::string& ready = "") const;
  /// Until one can log in. False after a minute.
  bool await_login(const std::string& user) const;

 private:
  TemporaryDirectory directory_;
  std::uint16_t way_in_;
  bool has_password_ = false;
};

}  // namespace dboot::machine
