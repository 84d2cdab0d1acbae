#include "payload/system/watchdogs.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "payload/children/fork.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;

constexpr const char* all_watchdogs = "/sys/class/watchdog";
/// The order to stop the watchdog, to the child and to the driver ("magic close").
constexpr char stop_order = 'V';

/// Of sysfs, without its newline; empty when it cannot be read.
std::string attribute(const std::string& name, std::string_view what) {
  auto text =
      sys::read_file_or_empty(std::string(all_watchdogs) + '/' + name + '/' + std::string(what));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

bool is_armed(const std::string& name) {
  return attribute(name, "state") == "active";
}

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  const UniqueFd directory(::open(all_watchdogs, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return names;
  for (auto& [name, type] : entries_of(directory.get(), all_watchdogs))
    names.push_back(std::move(name));
  return names;
}

void tell(const UniqueFd& watchdog, char word) {
  if (!watchdog) return;
  // What it does not take now, it takes in a second.
  [[maybe_unused]] const auto ignored = ::write(watchdog.get(), &word, 1);
}

/// Empty as long as another process has it.
UniqueFd try_open(const DeviceNodes& devices, const std::string& name) {
  try {
    return devices.open(name, O_WRONLY);
  } catch (const std::system_error&) {
    return {};
  }
}

/// The machine is reset without it: it is not swapped out, nor ended when memory ends.
void be_there_at_all_times() {
  ::mlockall(MCL_CURRENT);
  try {
    sys::write_file("/proc/self/oom_score_adj", "-1000");
  } catch (const std::system_error&) {
    // As it is.
  }
}

/// In the child, until there is an order, or the end of the pipe.
void feed(const DeviceNodes& devices, const std::string& name, int orders) {
  be_there_at_all_times();
  constexpr int second_ms = 1000;
  UniqueFd watchdog;
  pollfd order{orders, POLLIN, 0};
  do {
    if (!watchdog && is_armed(name)) watchdog = try_open(devices, name);
    tell(watchdog, '\0');
  } while (::poll(&order, 1, second_ms) == 0);
  char word = 0;
  if (::read(orders, &word, 1) == 1) tell(watchdog, word);
}

}  // namespace

Watchdogs::~Watchdogs() {
  for (const auto& feeder : feeders_) {
    if (feeder->pid != 0) children_.forget(feeder->pid);
  }
}

Task<> Watchdogs::keep_fed() {
  if (!permissions_.allows(Action::feed_watchdog)) co_return;
  for (const auto& name : all_names()) {
    if (attribute(name, "state").empty())
      log_.warning("a watchdog may be armed: the kernel does not say so", {{"device", name}});
    if (!is_armed(name)) continue;
    try {
      auto starting = start_feeding(name);
      co_await std::move(starting);
      log_.info("watchdog kept fed",
                {{"device", name}, {"timeout", attribute(name, "timeout") + " s"}});
    } catch (const std::system_error& error) {
      log_.warning("watchdog not fed: it will reset the machine",
                   {{"device", name}, {"reason", error.what()}});
    }
  }
}

Task<> Watchdogs::start_feeding(std::string name) {
  auto feeder = std::make_unique<Feeder>();
  auto* const child = feeder.get();
  child->name = std::move(name);
  auto starting = fork_patiently([this, child] { return start(*child); });
  co_await std::move(starting);
  feeders_.push_back(std::move(feeder));
}

pid_t Watchdogs::start(Feeder& feeder) {
  auto pipe = sys::make_pipe();
  const int orders = pipe.read.get();
  const auto body = [this, orders, &feeder] {
    feed(devices_, feeder.name, orders);
    ::_exit(0);
  };
  feeder.pid = fork_child("feed " + feeder.name, {orders, devices_.mount()}, body);
  feeder.orders = std::move(pipe.write);
  children_.add(feeder.pid, Children::Kind::helper, [this, &feeder](int) {
    feeder.pid = 0;
    ended_.notify();
    if (feeder.orders) start_again(feeder);
  });
  return feeder.pid;
}

/// Somebody has ended it: a command that kills all it can, say.
void Watchdogs::start_again(Feeder& feeder) {
  constexpr int most = 100;
  try {
    if (++feeder.starts > most) throw std::runtime_error("it ends again and again");
    start(feeder);
    log_.warning("watchdog fed by another process: the one before was killed",
                 {{"device", feeder.name}});
  } catch (const std::exception& error) {
    log_.error("watchdog not fed: it will reset the machine",
               {{"device", feeder.name}, {"reason", error.what()}});
  }
}

Task<> Watchdogs::let_go(Start start) {
  for (const auto& feeder : feeders_) {
    const auto& name = feeder->name;
    const bool can_be_stopped = attribute(name, "nowayout") != "1";
    if (!can_be_stopped && start == Start::supervise) {
      log_.warning("watchdog cannot be stopped: it is fed on",
                   {{"device", name}, {"timeout", attribute(name, "timeout") + " s"}});
      continue;
    }
    auto stopping = stop(*feeder);
    co_await std::move(stopping);
    if (is_armed(name)) {
      log_.warning("watchdog cannot be stopped: the new init has to feed it",
                   {{"device", name},
                    {"timeout", attribute(name, "timeout") + " s"},
                    {log::mend_key,
                     "take an image whose init does (RuntimeWatchdogSec= of systemd) or that has a "
                     "watchdog daemon, or supervise the command: then it is fed on"}});
    } else {
      log_.info("watchdog stopped", {{"device", name}});
    }
  }
}

Task<std::vector<std::string>> Watchdogs::pass_on() {
  std::vector<std::string> names;
  for (const auto& feeder : feeders_) {
    names.push_back(feeder->name);
    auto ending = end(*feeder);
    co_await std::move(ending);
  }
  co_return names;
}

Task<> Watchdogs::stop(Feeder& feeder) {
  [[maybe_unused]] const auto ignored = ::write(feeder.orders.get(), &stop_order, 1);
  auto ending = end(feeder);
  co_await std::move(ending);
}

/// A driver may not answer.
Task<> Watchdogs::end(Feeder& feeder) {
  constexpr auto patience = 2s;
  const auto end = std::chrono::steady_clock::now() + patience;
  feeder.orders.reset();
  for (bool in_time = true; in_time && feeder.pid != 0;) {
    auto waiting = ended_.wait_until(end);
    in_time = co_await std::move(waiting);
  }
  if (feeder.pid == 0) co_return;
  ::kill(feeder.pid, SIGKILL);
  children_.forget(feeder.pid);
  feeder.pid = 0;
}

}  // namespace dboot
