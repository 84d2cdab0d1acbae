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
std::atomic<unsigned> received_count = 0;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<unsigned>::is_always_lock_free);
thread_local const std::atomic<bool>* thread_leaving = nullptr;

void mask(int how) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  ::sigprocmask(how, &set, nullptr);
}

}  // namespace

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) {
    received = signal;
    ++received_count;
  };
  for (const int signal : signals) {
    struct sigaction before {};
    ::sigaction(signal, nullptr, &before);
    // nohup(1), or a shell's job in the background.
    if (before.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
  }
}

int last() noexcept {
  return received;
}

sigset_t mask_without_them() noexcept {
  sigset_t set;
  ::sigprocmask(SIG_BLOCK, nullptr, &set);
  for (const int signal : signals) ::sigdelset(&set, signal);
  return set;
}

unsigned count() noexcept {
  return received_count;
}

void end_thread_when(const std::atomic<bool>& leaving) noexcept {
  thread_leaving = &leaving;
}

void check() {
  if (thread_leaving != nullptr && *thread_leaving) throw Failure("no longer wanted", "");
  const int signal = received;
  if (signal == 0) return;
  throw Failure(std::string("interrupted by SIG") + ::sigabbrev_np(signal), "",
                exit_status::signalled + signal);
}

void hold_back() {
  mask(SIG_BLOCK);
  check();
}

void let_through() {
  mask(SIG_UNBLOCK);
}

void restore_default_actions() {
  for (const int signal : signals) ::signal(signal, SIG_DFL);
  mask(SIG_UNBLOCK);
}

}  // namespace dboot::interruption
