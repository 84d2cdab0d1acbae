#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "injector/ssh/logins.hpp"
#include "injector/ssh/server.hpp"
#include "injector/ssh/settings.hpp"
#include "shared/plan/plan.hpp"

/// The host's ssh server in a root of its own: with its libraries, host keys and what it knows of
/// people. Whom it has let in it takes into the root of PID 1, whatever that is by then
/// (ChrootDirectory, sshd_config(5)).
namespace dboot::ssh {

/// A file that a setting names: certificates and the like.
struct Document {
  std::string keyword;
  std::string path;
};

class CarriedServer {
 public:
  /// How the new system's devices get into its root.
  enum class Devices : bool {
    of_new_system,  ///< by a link: what mounts devpts there anew is followed
    own,            ///< nodes, for a trial without a new system
  };

  /// Finds its files. `settings`: as the server tells them for who has called. `connection`: whose
  /// port it listens at in any case. Throws Failure.
  CarriedServer(const Server& server, Settings settings, const network::SshConnection& connection);

  /// Besides where the host's does.
  void listen_also_at(std::uint16_t port);
  /// Instead of it.
  void listen_only_at(std::uint16_t port);

  /// An option for it with which a key of that kind is good, whatever is configured.
  const char* accepts_ed25519() const;

  /// The host's, by their paths.
  const std::vector<std::string>& host_keys() const noexcept { return host_keys_; }

  /// What its files take of the memory.
  std::uint64_t bytes() const noexcept { return bytes_; }

  /// Fills a directory, which is empty, with its root. `path`: where commands are looked for in the
  /// new system; empty: where sshd does by itself. Throws.
  void write(int directory, const std::vector<Account>& accounts, const std::string& path,
             Devices devices) const;

  /// The command line that starts it in there.
  std::vector<std::string> arguments() const;
  /// What the plan says of it.
  Companion companion() const;

  /// Public host keys, as lines of known_hosts(5) for that name; those that the host has.
  std::string known_hosts(const std::string& name) const;

 private:
  std::vector<std::string> host_keys_;
  std::vector<std::string> programs_;  ///< and its libraries: paths of the host
  std::vector<Document> documents_;
  std::string program_;
  Settings settings_;
  std::string more_addresses_;      ///< lines of its configuration
  std::string privileges_user_;     ///< line of passwd(5): whom it becomes before a login
  bool takes_environment_ = false;  ///< SetEnv
  std::uint64_t bytes_ = 0;
};

/// Its sshd_config(5). `settings`: the host's; those that say who gets in, and how, stay as they
/// are. `host_keys`: their paths. Pure. Throws Failure.
std::string configuration_of(const Settings& settings, const std::vector<std::string>& host_keys,
                             const std::vector<Account>& accounts);

/// Whether a server with these settings listens at that port. Pure.
bool listens_at(const Settings& settings, std::uint16_t port);

}  // namespace dboot::ssh
