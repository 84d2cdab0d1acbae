#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "injector/options.hpp"
#include "injector/ssh/carried_server.hpp"
#include "injector/staging.hpp"
#include "shared/plan/plan.hpp"

/// What becomes of the way in over ssh.
namespace dboot::ssh {

/// That stays: the host's server, and who is let in.
struct WayIn {
  CarriedServer server;
  std::vector<Login> logins;
  network::SshConnection connection;
  std::optional<std::uint16_t> rescue_port;

  /// "ssh ubuntu@192.0.2.7", for who may log in first.
  std::string command() const { return command_for(logins.front().name); }
  std::string command_for(const std::string& name) const;
};

/// Empty where none is asked for, and where there is none and nobody needs it: who is asked for by
/// default, and has not come over ssh. Throws Failure where somebody would be locked out.
std::optional<WayIn> find_way_in(const Options& options);

/// Somebody who may log in to the new system.
struct Guest {
  std::string name;
  bool is_root = false;       ///< by that name
  std::size_t keys = 0;       ///< that let them in for more than a command
  bool has_password = false;  ///< which comes along
};

/// What was done.
struct Kept {
  std::string command;                ///< to log in with: "ssh ubuntu@192.0.2.7"
  std::string command_of_root;        ///< the same for who has root's rights there
  std::vector<Companion> companions;  ///< for the plan
  bool by_image = false;              ///< the image starts a server of its own
  bool was_tried = false;             ///< a login of each, to the host's server
  std::vector<Guest> guests;
};

/// Where the image starts a server of its own, that gets the host's keys. Else, and at a port that
/// is asked for, the host's comes along beside the new root, after a login was tried. Throws
/// Failure when nobody gets in.
Kept keep(WayIn& way_in, const Staging& staging, const Plan& plan);

}  // namespace dboot::ssh
