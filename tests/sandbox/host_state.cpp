#include "tests/sandbox/host_state.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <sstream>

#include "shared/log/log.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::testing {
namespace {

namespace fs = std::filesystem;

// What counts something, or is different at every look.
constexpr std::array<std::string_view, 13> volatile_sysctls{
    "fs/aio-nr",       "fs/quota/",          "fs/binfmt_misc",
    "fs/dentry-state", "fs/file-nr",         "fs/inode-nr",
    "fs/inode-state",  "kernel/ns_last_pid", "kernel/perf_event_max_sample_rate",
    "kernel/pty/nr",   "kernel/random/",     "net/netfilter/nf_conntrack_count",
    "vm/stat_refresh"};

// Everything below a directory; what vanishes meanwhile is passed over.
void for_each_below(const fs::path& directory, const std::function<void(const fs::path&)>& visit) {
  std::error_code error;
  fs::recursive_directory_iterator entry(directory, fs::directory_options::skip_permission_denied,
                                         error);
  while (!error && entry != fs::recursive_directory_iterator()) {
    visit(entry->path());
    entry.increment(error);
  }
}

void add_mounts(HostState& state) {
  std::istringstream lines(sys::read_file("/proc/1/mountinfo"));
  for (std::string line; std::getline(lines, line);) {
    state["mount " + line.substr(0, line.find(' '))] = line;
  }
}

// The times of a directory tell that something came and went again, which is no harm.
void add_tree(HostState& state, const std::string& name, const fs::path& directory) {
  for_each_below(directory, [&](const fs::path& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return;
    std::ostringstream value;
    value << std::oct << info.st_mode << std::dec << " owner=" << info.st_uid << ":" << info.st_gid
          << " inode=" << info.st_ino << " device=" << info.st_rdev;
    if (S_ISREG(info.st_mode)) {
      value << " size=" << info.st_size << " modified=" << info.st_mtim.tv_sec << "."
            << info.st_mtim.tv_nsec;
    }
    if (S_ISLNK(info.st_mode)) value << " to=" << fs::read_symlink(path).string();
    state[name + " " + path.string()] = value.str();
  });
}

void add_sysctls(HostState& state) {
  const std::string root = "/proc/sys/";
  for_each_below(root, [&](const fs::path& path) {
    const std::string name = path.string().substr(root.size());
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return;
    if ((info.st_mode & S_IRUSR) == 0) return;
    if (std::ranges::any_of(volatile_sysctls, [&](auto skip) { return name.starts_with(skip); })) {
      return;
    }
    state["sysctl " + name] = sys::read_file_or_empty(path);
  });
}

void add_cgroups(HostState& state) {
  for_each_below("/sys/fs/cgroup", [&](const fs::path& path) {
    std::error_code none;
    if (fs::is_directory(fs::symlink_status(path, none))) state["cgroup " + path.string()] = "";
  });
}

void add_network(HostState& state) {
  ifaddrs* first = nullptr;
  sys::check(::getifaddrs(&first), "getifaddrs");
  for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int family = entry->ifa_addr == nullptr ? AF_UNSPEC : entry->ifa_addr->sa_family;
    if (family == AF_INET) {
      const auto* address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
      ::inet_ntop(family, &address->sin_addr, text.data(), text.size());
    } else if (family == AF_INET6) {
      const auto* address = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
      ::inet_ntop(family, &address->sin6_addr, text.data(), text.size());
    }
    state[std::string("address ").append(entry->ifa_name).append(" ").append(text.data())] =
        "flags=" + std::to_string(entry->ifa_flags);
  }
  ::freeifaddrs(first);
  state["routes"] = sys::read_file_or_empty("/proc/net/route");
}

void add_pid_1(HostState& state) {
  std::error_code none;
  state["pid 1 exe"] = fs::read_symlink("/proc/1/exe", none).string();
  state["pid 1 cgroup"] = sys::read_file_or_empty("/proc/1/cgroup");
  std::istringstream lines(sys::read_file("/proc/1/status"));
  for (std::string line; std::getline(lines, line);) {
    for (const char* field : {"Name", "State", "TracerPid", "SigBlk", "SigIgn", "SigCgt", "SigPnd",
                              "ShdPnd", "Seccomp", "Threads"}) {
      if (line.starts_with(std::string(field) + ":")) state["pid 1 " + std::string(field)] = line;
    }
  }
  for (const auto& entry : fs::directory_iterator("/proc/1/fd", none)) {
    state["pid 1 fd " + entry.path().filename().string()] =
        fs::read_symlink(entry.path(), none).string();
  }
}

void add_processes(HostState& state) {
  for (const pid_t pid : list_processes()) {
    if (pid == ::getpid()) continue;
    const auto status = read_process_status(pid);
    // The PID 1 of a sandbox reaps nobody.
    if (status && status->state != 'Z') state["process " + std::to_string(pid)] = status->name;
  }
}

// Values on one line.
std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\')
      escaped += "\\\\";
    else if (c == '\n')
      escaped += "\\n";
    else if (c == '\t')
      escaped += "\\t";
    else
      escaped += c;
  }
  return escaped;
}

}  // namespace

HostState capture_host_state() {
  HostState state;
  add_mounts(state);
  add_tree(state, "run", "/run");
  add_tree(state, "dev", "/dev");
  add_sysctls(state);
  add_cgroups(state);
  add_network(state);
  add_pid_1(state);
  add_processes(state);
  utsname names{};
  sys::check(::uname(&names), "uname");
  state["hostname"] = names.nodename;
  return state;
}

std::vector<std::string> differences(const HostState& before, const HostState& after) {
  std::vector<std::string> found;
  const auto add = [&](const char* what, const std::string& key, const std::string& value) {
    found.push_back(what);
    found.back().append(key).append(": ").append(value);
  };
  for (const auto& [key, value] : before) {
    const auto now = after.find(key);
    if (now == after.end())
      add("gone: ", key, value);
    else if (now->second != value)
      add("changed: ", key, value + " -> " + now->second);
  }
  for (const auto& [key, value] : after) {
    if (!before.contains(key)) add("new: ", key, value);
  }
  return found;
}

// Tabs and newlines of the values are escaped, and stay so: the states are for comparing.
std::string serialize(const HostState& state) {
  std::string text;
  for (const auto& [key, value] : state) {
    text.append(escape(key)).append("\t").append(escape(value)).append("\n");
  }
  return text;
}

HostState deserialize(std::string_view text) {
  HostState state;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t tab = line.find('\t');
    if (tab != std::string::npos) state[line.substr(0, tab)] = line.substr(tab + 1);
  }
  return state;
}

}  // namespace dboot::testing
