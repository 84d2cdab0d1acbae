#include "injector/preflight/confinement.hpp"

#include <linux/capability.h>

#include <algorithm>
#include <array>

#include "injector/failure.hpp"
#include "injector/report.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::confinement {
namespace {

/// By number (capabilities(7)).
constexpr std::array<std::string_view, CAP_LAST_CAP + 1> names{"CAP_CHOWN",
                                                               "CAP_DAC_OVERRIDE",
                                                               "CAP_DAC_READ_SEARCH",
                                                               "CAP_FOWNER",
                                                               "CAP_FSETID",
                                                               "CAP_KILL",
                                                               "CAP_SETGID",
                                                               "CAP_SETUID",
                                                               "CAP_SETPCAP",
                                                               "CAP_LINUX_IMMUTABLE",
                                                               "CAP_NET_BIND_SERVICE",
                                                               "CAP_NET_BROADCAST",
                                                               "CAP_NET_ADMIN",
                                                               "CAP_NET_RAW",
                                                               "CAP_IPC_LOCK",
                                                               "CAP_IPC_OWNER",
                                                               "CAP_SYS_MODULE",
                                                               "CAP_SYS_RAWIO",
                                                               "CAP_SYS_CHROOT",
                                                               "CAP_SYS_PTRACE",
                                                               "CAP_SYS_PACCT",
                                                               "CAP_SYS_ADMIN",
                                                               "CAP_SYS_BOOT",
                                                               "CAP_SYS_NICE",
                                                               "CAP_SYS_RESOURCE",
                                                               "CAP_SYS_TIME",
                                                               "CAP_SYS_TTY_CONFIG",
                                                               "CAP_MKNOD",
                                                               "CAP_LEASE",
                                                               "CAP_AUDIT_WRITE",
                                                               "CAP_AUDIT_CONTROL",
                                                               "CAP_SETFCAP",
                                                               "CAP_MAC_OVERRIDE",
                                                               "CAP_MAC_ADMIN",
                                                               "CAP_SYSLOG",
                                                               "CAP_WAKE_ALARM",
                                                               "CAP_BLOCK_SUSPEND",
                                                               "CAP_AUDIT_READ",
                                                               "CAP_PERFMON",
                                                               "CAP_BPF",
                                                               "CAP_CHECKPOINT_RESTORE"};

/// To end everybody's processes, to mount and unmount, to lead back by a reboot.
constexpr std::uint64_t needed =
    1ULL << CAP_KILL | 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SYS_BOOT | 1ULL << CAP_SYS_CHROOT;

constexpr const char* mend_of_capabilities =
    "boot without CapabilityBoundingSet= in /etc/systemd/system.conf";

/// The value behind "KEY:\t".
std::string_view value_of(std::string_view status, std::string_view key) {
  for (const auto line : lines_of(status)) {
    if (line.starts_with(key) && line.substr(key.size()).starts_with(":\t"))
      return line.substr(key.size() + 2);
  }
  return {};
}

constexpr unsigned most_capabilities = 64;

std::string names_of(std::uint64_t capabilities) {
  std::string list;
  for (unsigned number = 0; number < most_capabilities; ++number) {
    if ((capabilities >> number & 1U) == 0) continue;
    if (!list.empty()) list += ", ";
    list += number < names.size() ? std::string(names.at(number)) : std::to_string(number);
  }
  return list;
}

}  // namespace

std::vector<Remark> remarks_on(std::string_view status, unsigned last_capability) {
  std::vector<Remark> remarks;
  constexpr int hexadecimal = 16;
  last_capability = std::min(last_capability, most_capabilities - 1);
  if (const auto bounding = number_in<std::uint64_t>(value_of(status, "CapBnd"), hexadecimal)) {
    const auto all = ~std::uint64_t{0} >> (most_capabilities - 1 - last_capability);
    const auto missing = all & ~*bounding;
    if ((missing & needed) != 0)
      remarks.push_back({Weight::rules_it_out,
                         "PID 1 has given up capabilities that a takeover needs, for good: " +
                             names_of(missing & needed),
                         mend_of_capabilities});
    if ((missing & ~needed) != 0)
      remarks.push_back({Weight::warns,
                         "PID 1 has given up capabilities for good, and no process of the new "
                         "system can have them: " +
                             names_of(missing & ~needed),
                         mend_of_capabilities});
  }
  if (const auto mode = value_of(status, "Seccomp"); !mode.empty() && mode != "0")
    remarks.push_back({Weight::may_be_forced,
                       "PID 1 is under a seccomp filter, which the payload and the new system "
                       "inherit: a system call that it denies would fail in the middle of the "
                       "takeover",
                       "boot without SystemCallArchitectures= and SystemCallFilter= in "
                       "/etc/systemd/system.conf; where it denies foreign architectures only, "
                       "--force"});
  if (value_of(status, "NoNewPrivs") == "1")
    remarks.push_back({Weight::warns,
                       "PID 1 has set no_new_privs for good: in the new system, sudo and "
                       "whatever else is setuid gain no privileges",
                       "boot without NoNewPrivileges= in /etc/systemd/system.conf"});
  return remarks;
}

std::vector<Remark> remarks_on(const Target& target) {
  if (!target.is_machine()) return {};
  auto last = sys::read_file_or_empty("/proc/sys/kernel/cap_last_cap");
  if (last.ends_with('\n')) last.pop_back();
  return remarks_on(sys::read_file_at(target.proc(), "status"),
                    number_in<unsigned>(last).value_or(CAP_LAST_CAP));
}

bool refuses(const Remark& remark, bool force) noexcept {
  return remark.weight == Weight::rules_it_out ||
         (remark.weight == Weight::may_be_forced && !force);
}

void check(const Target& target, bool force) {
  for (const auto& remark : remarks_on(target)) {
    if (refuses(remark, force)) throw Failure(remark.what, remark.mend);
  }
}

void warn(const Target& target, bool force) {
  for (const auto& remark : remarks_on(target)) {
    if (!refuses(remark, force)) report::warning(remark.what, {{log::mend_key, remark.mend}});
  }
}

}  // namespace dboot::confinement
