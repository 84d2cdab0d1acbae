#include "injector/onlooker.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <exception>

#include "injector/rehearsal/payload_log.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::onlooker {
namespace {

/// Those that are waited for; of the terminal no key ends this process.
UniqueFd catch_end() {
  sigset_t end;
  ::sigemptyset(&end);
  ::sigaddset(&end, SIGTERM);
  sys::check(::sigprocmask(SIG_BLOCK, &end, nullptr), "block SIGTERM");
  for (const int key : {SIGINT, SIGQUIT, SIGTSTP, SIGHUP, SIGPIPE}) ::signal(key, SIG_IGN);
  return UniqueFd(sys::check(::signalfd(-1, &end, SFD_CLOEXEC), "signalfd"));
}

void show(std::string_view text) {
  // Where it cannot be shown any more, the session has gone.
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) ::_exit(0);
}

void show_all(PayloadLog& log) {
  do {
    show(log.take());
  } while (log.has_more());
}

}  // namespace

void show_until_the_end(int directory, log::Level level, const std::string& last_words) {
  try {
    const UniqueFd end = catch_end();
    PayloadLog log(directory, level);
    for (bool goes_on = true; goes_on;) {
      std::array<pollfd, 2> polled{{{log.changes(), POLLIN, 0}, {end.get(), POLLIN, 0}}};
      ::poll(polled.data(), polled.size(), -1);
      show_all(log);
      goes_on = (polled[1].revents & POLLIN) == 0;
    }
    show(last_words + '\n');
  } catch (const std::exception&) {
    // Nobody is lost by it: the consoles show the lines too.
    for (;;) ::pause();
  }
  ::_exit(0);
}

}  // namespace dboot::onlooker
