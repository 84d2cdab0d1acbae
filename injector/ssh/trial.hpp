#pragma once

#include <string>
#include <vector>

#include "injector/ssh/carried_server.hpp"

namespace dboot::ssh {

/// Logs in as each of them, before anything is lost: with a key made for it, by the host's own ssh,
/// to a copy of the carried server, both in namespaces of their own where PID 1 lives in the new
/// root already. Nothing of the image is executed. `path`: as for CarriedServer::write(). `root`:
/// the new root. False when this host has nothing to try it with. Throws Failure that says why
/// somebody does not get in.
bool try_to_log_in(const CarriedServer& server, const std::vector<Account>& accounts,
                   const std::string& path, int root);

}  // namespace dboot::ssh
