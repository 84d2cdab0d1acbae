#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "shared/proc/mount_table.hpp"
#include "shared/system/unique_fd.hpp"

/// What stands between a slip of the finger and the end of a running system. Each check throws
/// Failure.
namespace dboot::guard {

/// Only root can trace PID 1 and mount; in a container even root cannot.
void require_root();

/// The payload needs close_range(2), which Linux has since 5.9. Throws Failure on an older one.
void require_kernel();
/// True for a release (uname(2)) of 5.9 or later. Pure.
bool is_new_enough(const std::string& release);

/// etc/dboot/deny below the root directory `root`: when it exists, a takeover is refused and its
/// text shown, as /etc/nologin does for logins. Nothing overrides it; rehearsals do not ask.
void refuse_where_denied(int root);

/// Systemd's shutdown inhibitors in block mode, as `systemctl reboot` honours them
/// (systemd-inhibit(1)): a file each in run/systemd/inhibit below the root directory `root`.
void refuse_while_inhibited(int root);

/// Whether "/" of that mount table is the kernel's own rootfs (initramfs), which nothing can take
/// the place of (pivot_root(2)).
bool lives_in_rootfs(const MountTable& mounts);
/// Throws Failure when the process does whose directory below /proc is open as `process`.
void refuse_rootfs(int process);

/// One takeover at a time: a lock on the directory run below the root directory `root`, which
/// leaves no file behind. Held until the descriptor is closed.
UniqueFd lock(int root);
/// Throws Failure when somebody has that lock; takes it for no longer than the question takes.
void refuse_while_locked(int root);

/// Throws Failure where nothing can be mounted on run/dboot below the root directory `root`.
void refuse_unusable_directory(int root);

/// Asks for the hostname on the terminal, unless `yes`. Without a terminal `yes` is required.
void confirm(const std::string& image, bool yes);

/// True when this process has been started over ssh: the session will end.
bool is_over_ssh();

/// Whether the caller sits at a console of the machine: has a terminal that is no pty, and no ssh
/// daemon among its ancestors. Not so without a terminal.
bool is_at_local_console();
/// Whether a controlling terminal is one of the machine: no pty; 0 is none.
bool is_console(dev_t terminal) noexcept;

/// The effective ones, as bits, from the text of /proc/PID/status. Pure.
std::uint64_t capabilities_of(const std::string& status);

/// Who inhibits a shutdown, from the texts of inhibitor files: "WHO: WHY (pid N)". Pure.
std::vector<std::string> blocking_inhibitors(const std::vector<std::string>& files);

}  // namespace dboot::guard
