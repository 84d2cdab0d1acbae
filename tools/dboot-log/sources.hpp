#pragma once

#include <functional>
#include <istream>
#include <string>
#include <vector>

/// Where records of takeovers lie.
namespace dboot::sources {

/// What one record was read from: a file or, of the kernel's log in pstore, its parts in order.
struct Source {
  std::string name;
  std::vector<std::string> files;
  std::string time;  ///< of the last change, of those of previous systems: "2026-11-27T18:12:13Z"
};

/// /run/dboot/payload.log: of the takeover that has led to this system. `root`: the directory that
/// everything lies below.
Source of_this_system(const std::string& root = "");

/// What the last takeovers before the machine was started anew have left: in /sys/fs/pstore, in
/// /var/lib/systemd/pstore and in /var/log/dboot; the newest first, by the time of the files.
std::vector<Source> of_previous_systems(const std::string& root = "");

/// Reads one after the other; "-" is standard input. Throws std::system_error when one cannot be
/// opened.
void read(const Source& source, const std::function<void(std::istream&)>& tell);

}  // namespace dboot::sources
