#include "injector/interruption.hpp"

#include <signal.h>
#include <string.h>

#include <array>
#include <string>

#include "injector/failure.hpp"

namespace dboot::interruption {
namespace {

constexpr std::array signals{SIGINT, SIGTERM, SIGHUP};
volatile sig_atomic_t received = 0;

}  // namespace

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { received = signal; };
  for (const int signal : signals) ::sigaction(signal, &action, nullptr);
}

void check() {
  if (received == 0) return;
  throw Failure(std::string("interrupted by SIG") + ::sigabbrev_np(received), "");
}

void close() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  check();
}

}  // namespace dboot::interruption
