#include "payload/system/fresh_process.hpp"

#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

void set_hostname(Log& log, const std::string& hostname, Permissions permissions) {
  if (hostname.empty() || !permissions.allows(Action::set_hostname)) return;
  log.call("sethostname", hostname, [&] {
    sys::check(::sethostname(hostname.data(), hostname.size()), "sethostname ", hostname);
  });
}

template <class Setting>
void attempt(Log& log, Setting setting) {
  try {
    setting();
  } catch (const std::system_error& error) {
    log.warning("not as the kernel starts it", {{"reason", error.what()}});
  }
}

/// Where the kernel has been built without it, there is nothing to put back.
void check_if_known(long result, const char* what) {
  if (result < 0 && errno != ENOSYS && errno != EINVAL) sys::fail(errno, {what});
}

/// Those that the kernel keeps free of processes (isolcpus=), unless these ask for them.
std::vector<std::size_t> isolated_processors() {
  auto list = sys::read_file_or_empty("/sys/devices/system/cpu/isolated");
  if (list.ends_with('\n')) list.pop_back();
  return numbers_in_ranges(list);
}

void be_scheduled_as_others(Log& log) {
  const sched_param no_priority{};
  attempt(log, [&] {
    sys::check(::sched_setscheduler(0, SCHED_OTHER, &no_priority), "set the scheduling policy");
  });
  attempt(log, [] { sys::check(::setpriority(PRIO_PROCESS, 0, 0), "set the priority to 0"); });
  attempt(log, [] {
    // More than any machine has: the kernel takes those that are there.
    std::array<cpu_set_t, 8> processors;
    std::memset(processors.data(), 0xff, sizeof processors);
    for (const auto number : isolated_processors())
      CPU_CLR_S(number, sizeof processors, processors.data());
    sys::check(::sched_setaffinity(0, sizeof processors, processors.data()),
               "allow every processor");
  });
  attempt(log, [] {
    constexpr int of_process = 1;
    check_if_known(::syscall(SYS_ioprio_set, of_process, 0, 0), "set the I/O priority");
  });
  // The default, which children inherit.
  ::prctl(PR_SET_TIMERSLACK, 0);
  try {
    sys::write_file("/proc/self/autogroup", "0");
  } catch (const std::system_error&) {
    // CONFIG_SCHED_AUTOGROUP is not set.
  }
}

void use_memory_as_others(Log& log) {
  attempt(log, [] { sys::check(::munlockall(), "unlock the memory"); });
  attempt(log, [] {
    constexpr int by_default = 0;
    check_if_known(::syscall(SYS_set_mempolicy, by_default, nullptr, 0UL), "set the memory policy");
  });
  ::prctl(PR_SET_IO_FLUSHER, 0, 0, 0, 0);
  ::prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
  ::prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0);
  attempt(log, [] { sys::write_file("/proc/self/oom_score_adj", "0"); });
  // Anonymous memory, and the first page of what is mapped from ELF files (core(5)).
  attempt(log, [] { sys::write_file("/proc/self/coredump_filter", "0x33"); });
}

void have_rights_as_others(Log& log) {
  ::personality(PER_LINUX);
  // Where they may be enabled again.
  for (const auto speculation : {PR_SPEC_STORE_BYPASS, PR_SPEC_INDIRECT_BRANCH})
    ::prctl(PR_SET_SPECULATION_CTRL, speculation, PR_SPEC_ENABLE, 0, 0);
  attempt(log, [] { sys::check(::prctl(PR_SET_SECUREBITS, 0), "clear the securebits"); });
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  attempt(log, [] {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> sets{};
    sys::check(::syscall(SYS_capget, &header, sets.data()), "read the capabilities");
    for (auto& set : sets) set.inheritable = 0;
    sys::check(::syscall(SYS_capset, &header, sets.data()), "clear what is inheritable");
  });
  // A new one: what the old system's has is not for who is started.
  attempt(log, [] {
    check_if_known(::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr),
                   "leave the session keyring");
  });
}

}  // namespace

void become_fresh(Log& log, const std::string& hostname, Permissions permissions) {
  ::umask(022);
  const itimerval off{};
  for (const auto timer : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF})
    attempt(log, [&] { sys::check(::setitimer(timer, &off, nullptr), "stop a timer"); });
  be_scheduled_as_others(log);
  use_memory_as_others(log);
  have_rights_as_others(log);
  // A rehearsal ends with who rehearses.
  if (permissions.on_machine()) ::prctl(PR_SET_PDEATHSIG, 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  ::prctl(PR_SET_NAME, "dboot-init");
  attempt(log, [&] { set_hostname(log, hostname, permissions); });
}

}  // namespace dboot
