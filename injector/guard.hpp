#pragma once

#include <string>
#include <vector>

#include "shared/unique_fd.hpp"

/// What stands between a slip of the finger and the end of a running system. Each check throws
/// Failure.
namespace dboot::guard {

/// Only root can trace PID 1 and mount.
void require_root();

/// /etc/dboot/deny: when it exists, a takeover is refused and its text shown, as /etc/nologin does
/// for logins. Nothing overrides it; rehearsals do not ask.
void refuse_where_denied(const std::string& path = "/etc/dboot/deny");

/// Systemd's shutdown inhibitors in block mode, as `systemctl reboot` honours them
/// (systemd-inhibit(1)). `directory` holds a file per inhibitor.
void refuse_while_inhibited(const std::string& directory = "/run/systemd/inhibit");

/// One takeover at a time: a lock on the directory /run, which leaves no file behind. Held until
/// the descriptor is closed.
UniqueFd lock();

/// Asks for the hostname on the terminal, unless `yes`. Without a terminal `yes` is required.
void confirm(const std::string& image, bool yes);

/// True when this process has been started over ssh: the session will end.
bool is_over_ssh();

/// Who inhibits a shutdown, from the texts of inhibitor files: "WHO: WHY (pid N)". Pure.
std::vector<std::string> blocking_inhibitors(const std::vector<std::string>& files);

}  // namespace dboot::guard
