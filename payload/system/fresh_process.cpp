#include "payload/system/fresh_process.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <system_error>

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

}  // namespace

void become_fresh(Log& log, const std::string& hostname, Permissions permissions) {
  ::umask(022);
  const itimerval off{};
  for (const auto timer : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF})
    attempt(log, [&] { sys::check(::setitimer(timer, &off, nullptr), "stop a timer"); });
  attempt(log, [] { sys::check(::setpriority(PRIO_PROCESS, 0, 0), "set the priority to 0"); });
  // A rehearsal ends with who rehearses.
  if (permissions.on_machine()) ::prctl(PR_SET_PDEATHSIG, 0);
  ::prctl(PR_SET_NAME, "dboot-init");
  attempt(log, [] { sys::check(::munlockall(), "unlock the memory"); });
  attempt(log, [] { sys::write_file("/proc/self/oom_score_adj", "0"); });
  attempt(log, [&] { set_hostname(log, hostname, permissions); });
}

}  // namespace dboot
