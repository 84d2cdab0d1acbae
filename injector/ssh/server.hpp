#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "injector/network/client.hpp"
#include "injector/ssh/settings.hpp"

/// The host's own ssh server: OpenSSH's.
namespace dboot::ssh {

struct Server {
  std::string program;               ///< its path
  std::vector<std::string> options;  ///< that say how it is configured: -f, -o, -p, -h, -c, -4, -6
  bool listens = false;              ///< by itself, and not systemd for it
};

/// The host's own that listens, with the options that it was started with: the one that the caller
/// has come by, where there are several. Else the one that is installed, as it is where systemd
/// listens for it. Empty when there is none.
std::optional<Server> find_server();

/// What it says of itself for a login of that user over that connection. Throws Failure.
Settings ask(const Server& server, const std::string& user,
             const network::SshConnection& connection);

/// How a server was started that listens, from /proc/PID/cmdline: as it was executed, or the title
/// that it has given itself ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"). Empty for
/// everything else, such as a session of it, or one that is asked for its configuration (-T). Pure.
std::vector<std::string> words_of_listener(std::string_view cmdline);

/// Those of its options that say how it is configured. Pure.
std::vector<std::string> options_of_configuration(const std::vector<std::string>& words);

}  // namespace dboot::ssh
