#include "injector/interruption.hpp"

#include <signal.h>
#include <string.h>

#include <array>
#include <atomic>
#include <string>

#include "injector/failure.hpp"

namespace dboot::interruption {
namespace {

constexpr std::array signals{SIGINT, SIGTERM, SIGHUP};
// Read by every thread.
std::atomic<int> received = 0;
static_assert(std::atomic<int>::is_always_lock_free);

void mask(int how) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  ::sigprocmask(how, &set, nullptr);
}

}  // namespace

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { received = signal; };
  for (const int signal : signals) ::sigaction(signal, &action, nullptr);
}

void check() {
  const int signal = received;
  if (signal == 0) return;
  throw Failure(std::string("interrupted by SIG") + ::sigabbrev_np(signal), "");
}

void close() {
  mask(SIG_BLOCK);
  check();
}

void reopen() {
  mask(SIG_UNBLOCK);
}

void give_up() {
  for (const int signal : signals) ::signal(signal, SIG_DFL);
  mask(SIG_UNBLOCK);
}

}  // namespace dboot::interruption
