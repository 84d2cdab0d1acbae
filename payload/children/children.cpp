#include "payload/children/children.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "shared/proc/process_status.hpp"
#include "shared/system/signals.hpp"

namespace dboot {

Children::Children(const boost::asio::any_io_executor& executor, Log& log)
    : executor_(executor), log_(log), signals_(executor, SIGCHLD) {
  restart_calls_after(SIGCHLD);
  listen();
  // Children of the old init that ended before the handler was there send no signal any more.
  reap();
}

void Children::listen() {
  signals_.async_wait([this](const boost::system::error_code& cancelled, int) {
    if (cancelled) return;
    reap();
    listen();
  });
}

/// Signals coalesce: one SIGCHLD may stand for many children. Where they end faster than they are
/// collected, others have their turn in between.
void Children::reap() {
  constexpr int most_at_once = 500;
  // Where nobody has ended it is 0, and ECHILD where nobody is left.
  constexpr int most_failures = 10;
  int status = 0;
  for (int failures = 0, collected = 0; failures < most_failures; ++collected) {
    if (collected == most_at_once) {
      ::kill(::getpid(), SIGCHLD);
      break;
    }
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == ECHILD)) break;
    if (pid < 0) {
      ++failures;
      continue;
    }
    const auto child = running_.extract(pid);
    if (!child.empty() && child.mapped().ended) child.mapped().ended(status);
  }
}

void Children::add(pid_t pid, Kind kind, Ended ended) {
  auto pidfd = ended ? Pidfd::open(executor_, pid) : nullptr;
  if (pidfd) pidfd->on_end([this] { reap(); }, [] {});
  running_.insert_or_assign(pid, Child{kind, std::move(ended), std::move(pidfd)});
}

void Children::forget(pid_t pid) {
  const auto child = running_.find(pid);
  if (child != running_.end()) child->second.ended = {};
}

void Children::spare_no_more(pid_t pid) noexcept {
  const auto child = running_.find(pid);
  if (child != running_.end()) child->second.kind = Kind::program;
}

bool Children::is_companion(pid_t pid) const noexcept {
  const auto child = running_.find(pid);
  return child != running_.end() && child->second.kind == Kind::companion;
}

bool Children::spares(pid_t pid) const {
  if (const auto child = running_.find(pid); child != running_.end())
    return child->second.kind != Kind::program;
  const auto companion = [](const auto& entry) { return entry.second.kind == Kind::companion; };
  if (std::none_of(running_.begin(), running_.end(), companion)) return false;
  // A companion is the subreaper of its descendants: the way up from each of them leads to it.
  for (pid_t ancestor = pid; ancestor > 1;) {
    if (is_companion(ancestor)) return true;
    const auto status = read_process_status(ancestor);
    if (status) {
      ancestor = status->parent;
    } else if (ancestor != pid) {
      ancestor = pid;  // it has ended meanwhile, and the process got another parent
    } else {
      return false;
    }
  }
  return false;
}

std::vector<pid_t> Children::spared() const {
  std::vector<pid_t> pids;
  for (const auto& [pid, child] : running_) {
    if (child.kind != Kind::program) pids.push_back(pid);
  }
  return pids;
}

void Children::send(int signal) const {
  for (const pid_t pid : spared()) ::kill(pid, signal);
  try {
    // What has come from companions.
    for (const pid_t pid : list_processes()) {
      if (!running_.contains(pid) && spares(pid)) ::kill(pid, signal);
    }
  } catch (const std::system_error& error) {
    log_.warning("descendants of companions are not known", {{"reason", error.what()}});
  }
}

}  // namespace dboot
