#include "payload/phases/wake.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "payload/system/blocking.hpp"
#include "shared/log/log.hpp"
#include "shared/log/sinks.hpp"
#include "shared/plan/layout.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::wake {
namespace {

/// A process per pidfd is held open while the old system ends.
constexpr rlim_t descriptors = 65536;

/// A closed 0, 1 or 2 would be given to the next file that is opened.
void occupy_stdio() {
  for (const int fd : {0, 1, 2}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/null", O_RDWR) < 0) ::memfd_create("null", 0);
  }
}

}  // namespace

void reset_process() {
  blocking::reset_signals();
  occupy_stdio();
  ::close_range(3, ~0U, 0);
  ::mlockall(MCL_CURRENT | MCL_FUTURE);  // ours is the memory that must be there when swap is not
}

namespace {

sigset_t requests() noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGPWR}) ::sigaddset(&set, signal);
  return set;
}

}  // namespace

void keep_requests_pending() noexcept {
  const sigset_t set = requests();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

void admit_requests() noexcept {
  const sigset_t set = requests();
  constexpr timespec now{};
  siginfo_t request{};
  int from_outside = 0;
  while (const int signal = ::sigtimedwait(&set, &request, &now)) {
    if (signal < 0 && errno != EINTR) break;
    if (signal > 0 && request.si_pid == 0) from_outside = signal;
  }
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  if (from_outside != 0) ::raise(from_outside);
}

ResourceLimits take_limits() {
  rlimit core{};
  rlimit files{};
  ::getrlimit(RLIMIT_CORE, &core);
  ::getrlimit(RLIMIT_NOFILE, &files);
  const rlimit no_core{0, core.rlim_max};
  ::setrlimit(RLIMIT_CORE, &no_core);
  const rlimit more{std::max(descriptors, files.rlim_cur), std::max(descriptors, files.rlim_max)};
  if (::setrlimit(RLIMIT_NOFILE, &more) != 0) {
    const rlimit all{files.rlim_max, files.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &all);
  }
  return {{RLIMIT_CORE, core}, {RLIMIT_NOFILE, files}};
}

Plan read_plan(const std::string& path) {
  const std::string file = sys::read_file(path);
  return plan::decode({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()});
}

void check_proc() {
  std::array<char, 16> target{};
  const ssize_t size = ::readlink("/proc/self", target.data(), target.size());
  if (size != 1 || target[0] != '1')
    throw std::runtime_error("/proc is not that of this PID namespace: mount proc on it");
}

std::vector<UniqueFd> inherited_stdio() {
  constexpr int above_stdio = 3;
  std::vector<UniqueFd> fds;
  for (const int fd : {0, 1, 2})
    fds.emplace_back(sys::check(::fcntl(fd, F_DUPFD_CLOEXEC, above_stdio), "duplicate stdio"));
  return fds;
}

void detach_stdio(const DeviceNodes& devices) {
  UniqueFd null;
  try {
    null = devices.open("null", O_RDWR);
  } catch (const std::system_error&) {
    null.reset(::memfd_create("null", MFD_CLOEXEC));
  }
  for (const int fd : {0, 1, 2}) ::dup2(null.get(), fd);
}

void open_log(const Plan& plan) {
  log::keep_record(plan.began.count() != 0 ? plan.began : log::monotonic_now(), plan.log_level);
  try {
    log::add_sink(
        log::sinks::file(sys::open(layout::payload_log, O_CREAT | O_WRONLY | O_APPEND, 0600)));
  } catch (const std::system_error&) {
    // The consoles have the log too, and without /run/dboot there is no plan either.
  }
}

}  // namespace dboot::wake
