#include "payload/init/requests.hpp"

#include <signal.h>

#include <cerrno>
#include <initializer_list>

namespace dboot::requests {
namespace {

sigset_t all() noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGPWR}) ::sigaddset(&set, signal);
  return set;
}

}  // namespace

void keep_pending() noexcept {
  const sigset_t set = all();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

void admit() noexcept {
  const sigset_t set = all();
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

}  // namespace dboot::requests
