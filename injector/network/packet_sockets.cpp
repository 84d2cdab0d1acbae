#include "injector/network/packet_sockets.hpp"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "shared/proc/fields.hpp"
#include "shared/proc/network_daemon.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::network {
namespace {

/// The inode of the socket that a link in /proc/PID/fd leads to; 0 for others.
std::uint64_t inode_of(int directory, const std::string& name) {
  std::array<char, 64> target{};
  const auto length = ::readlinkat(directory, name.c_str(), target.data(), target.size());
  std::string_view text(target.data(), length < 0 ? 0 : static_cast<std::size_t>(length));
  constexpr std::string_view socket = "socket:[";
  if (!text.starts_with(socket) || !text.ends_with(']')) return 0;
  text = text.substr(socket.size());
  return number_in<std::uint64_t>(text.substr(0, text.size() - 1)).value_or(0);
}

bool holds_one(pid_t pid, const std::set<std::uint64_t>& inodes) {
  const std::string path = "/proc/" + std::to_string(pid) + "/fd";
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return false;
  try {
    const auto entries = entries_of(directory.get(), path);
    return std::any_of(entries.begin(), entries.end(), [&](const DirectoryEntry& entry) {
      return inodes.contains(inode_of(directory.get(), entry.name));
    });
  } catch (const std::system_error&) {
    return false;  // it has ended
  }
}

}  // namespace

std::set<std::uint64_t> inodes_in(std::string_view packet) {
  std::set<std::uint64_t> inodes;
  for (const auto line : split(packet, '\n')) {
    const auto words = words_of(line);
    if (words.empty()) continue;
    if (const auto inode = number_in<std::uint64_t>(words.back())) inodes.insert(*inode);
  }
  return inodes;
}

std::vector<ProcessStatus> other_holders_of_packet_sockets(
    const std::vector<ProcessStatus>& processes) {
  std::vector<ProcessStatus> holders;
  const auto inodes = inodes_in(sys::read_file_or_empty("/proc/net/packet"));
  if (inodes.empty()) return holders;
  for (const auto& process : processes) {
    const bool is_known = !network_daemon(process.name).empty();
    if (!is_known && !process.kernel_thread && holds_one(process.pid, inodes))
      holders.push_back(process);
  }
  return holders;
}

}  // namespace dboot::network
