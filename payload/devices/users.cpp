#include "payload/devices/users.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "payload/children/blocking.hpp"
#include "shared/proc/fields.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/proc/namespace.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;
using Traces = DeviceGraph::Traces;

/// Whether what a link of /proc leads to lies on one of the devices, or is one. No server is asked.
bool leads_to(const std::string& link, const Traces& traces) {
  struct statx status {};
  if (::statx(AT_FDCWD, link.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
              STATX_TYPE | STATX_MNT_ID, &status) != 0)
    return false;
  if (traces.mounts.contains(status.stx_mnt_id)) return true;
  return traces.numbers.contains(makedev(status.stx_dev_major, status.stx_dev_minor)) ||
         (S_ISBLK(status.stx_mode) &&
          traces.numbers.contains(makedev(status.stx_rdev_major, status.stx_rdev_minor)));
}

bool has_file(const std::string& process, const Traces& traces) {
  for (const char* link : {"/cwd", "/root", "/exe"}) {
    if (leads_to(process + link, traces)) return true;
  }
  const std::string files = process + "/fd";
  const UniqueFd directory(::open(files.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return false;
  const auto entries = entries_of(directory.get(), files);
  return std::any_of(entries.begin(), entries.end(),
                     [&](const auto& entry) { return leads_to(files + '/' + entry.name, traces); });
}

bool has_mapped(const std::string& process, const Traces& traces) {
  const auto mapped = devices_in_maps(sys::read_file_or_empty(process + "/maps"));
  return std::any_of(mapped.begin(), mapped.end(),
                     [&](dev_t number) { return traces.numbers.contains(number); });
}

/// In the kernel, without the memory that it had (proc_pid_exe(5)); a zombie has nothing any more.
bool is_ending(const ProcessStatus& status, const std::string& process) {
  std::array<char, 1> start{};
  return status.state != 'Z' && status.state != 'X' &&
         ::readlink((process + "/exe").c_str(), start.data(), start.size()) < 0 && errno == ENOENT;
}

/// Those that this process does not see itself.
std::vector<std::string> own_mounts(pid_t pid, const Traces& traces) {
  const auto process = std::to_string(pid);
  if (namespace_of(process, "mnt") == namespace_of("self", "mnt")) return {};
  std::vector<std::string> places;
  try {
    for (const auto& mount : read_mount_table(process)) {
      if (traces.numbers.contains(mount.device)) places.push_back(mount.mount_point);
    }
  } catch (const std::system_error&) {
    // It has ended.
  }
  return places;
}

void tell_users(const Traces& traces, const blocking::Report& report) {
  std::vector<ProcessStatus> silent;
  const auto tell = [&](const ProcessStatus& status, std::string_view before = "",
                        std::string_view after = "") {
    std::string line(before);
    line += "pid " + std::to_string(status.pid) + " (" + status.name + ")";
    line += after;
    report.write(line + '\n');
  };
  for (const pid_t pid : list_processes()) {
    auto status = read_process_status(pid);
    if (!status || status->kernel_thread || pid == ::getpid()) continue;
    const auto mounts = own_mounts(pid, traces);
    for (const auto& place : mounts) tell(*status, "mount " + place + " of ");
    if (!mounts.empty()) continue;
    const auto process = "/proc/" + std::to_string(pid);
    if (has_file(process, traces)) {
      tell(*status);
    } else if (is_ending(*status, process)) {
      tell(*status, "", ", which is ending");
    } else {
      silent.push_back(std::move(*status));
    }
  }
  // At last what takes a lock of the process (mmap_lock).
  for (const auto& status : silent) {
    if (has_mapped("/proc/" + std::to_string(status.pid), traces)) tell(status);
  }
}

}  // namespace

std::set<dev_t> devices_in_maps(std::string_view maps) {
  std::set<dev_t> numbers;
  // "7f0c5a000000-7f0c5a021000 r--p 00000000 fe:01 1234  /usr/lib/x.so"
  constexpr std::size_t device_field = 3;
  constexpr int hexadecimal = 16;
  for (const auto line : lines_of(maps)) {
    const auto fields = words_of(line);
    if (fields.size() <= device_field) continue;
    const auto device = split(fields[device_field], ':');
    if (device.size() != 2) continue;
    const auto major_number = number_in<unsigned>(device[0], hexadecimal);
    const auto minor_number = number_in<unsigned>(device[1], hexadecimal);
    if (major_number && minor_number && (*major_number != 0 || *minor_number != 0))
      numbers.insert(makedev(*major_number, *minor_number));
  }
  return numbers;
}

Task<std::vector<std::string>> users_of(Children& children, Traces traces) {
  blocking::Work work = [&traces](const blocking::Report& report) { tell_users(traces, report); };
  auto child = blocking::run(children, "look for users of disks", 2s, std::move(work));
  const auto outcome = co_await std::move(child);
  std::vector<std::string> users;
  for (const auto line : lines_of(outcome.text)) users.emplace_back(line);
  co_return users;
}

}  // namespace dboot
