#include "payload/processes/reaper.hpp"

#include <signal.h>
#include <sys/wait.h>

#include "payload/system/blocking.hpp"

namespace dboot {

Reaper::Reaper(const boost::asio::any_io_executor& executor) : signals_(executor, SIGCHLD) {
  listen();
  // Children of the old init that ended before the handler was there send no signal any more.
  sweep();
}

void Reaper::listen() {
  signals_.async_wait([this](const boost::system::error_code& cancelled, int) {
    if (cancelled) return;
    sweep();
    listen();
  });
}

/// Signals coalesce: one SIGCHLD may stand for many children.
void Reaper::sweep() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    ++collected_;
    blocking::forget(pid);
    auto watched = watched_.extract(pid);
    if (!watched.empty()) watched.mapped()(status);
  }
}

void Reaper::watch(pid_t pid, std::function<void(int)> ended) {
  watched_[pid] = std::move(ended);
}

}  // namespace dboot
