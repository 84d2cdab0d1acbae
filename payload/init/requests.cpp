#include "payload/init/requests.hpp"

#include <signal.h>

#include <cerrno>
#include <initializer_list>

namespace dboot::requests {
namespace {

sigset_t all(int also) noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGPWR}) ::sigaddset(&set, signal);
  if (also == SIGHUP || also == SIGQUIT || also >= SIGRTMIN) ::sigaddset(&set, also);
  return set;
}

}  // namespace

void keep_pending(int also) noexcept {
  const sigset_t set = all(also);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

int take(int also) noexcept {
  const sigset_t set = all(also);
  constexpr timespec now{};
  siginfo_t request{};
  int from_outside = 0;
  while (const int signal = ::sigtimedwait(&set, &request, &now)) {
    if (signal < 0 && errno != EINTR) break;
    if (signal > 0 && request.si_pid == 0) from_outside = signal;
  }
  return from_outside;
}

void admit(int also) noexcept {
  const sigset_t set = all(also);
  const int request = take(also);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  if (request != 0) ::raise(request);
}

}  // namespace dboot::requests
