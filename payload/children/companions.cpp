#include "payload/children/companions.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include "payload/children/program.hpp"
#include "payload/condition.hpp"
#include "payload/init/supervisor.hpp"
#include "shared/plan/layout.hpp"
#include "shared/system/detached_mount.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// One that ends at once is not started again in a busy loop, and one that is needed not too late.
constexpr Clock::duration shortest_pause = 1s;
constexpr Clock::duration longest_pause = 1min;
/// In the place of a wait status: as a shell's where there is no such command.
constexpr int not_started = 127 << 8;

std::string name_in_directory(const Companion& companion) {
  return companion.root.substr(companion.root.rfind('/') + 1);
}

/// Its way to the root of PID 1, whatever that is by then: /proc/1/root.
void mount_proc(const UniqueFd& directory, const Companion& companion) {
  constexpr int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
  const UniqueFd root = sys::open_at(directory.get(), name_in_directory(companion), flags);
  const UniqueFd proc = sys::open_at(root.get(), "proc", flags);
  detached_mount::attach(
      detached_mount::make("proc", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC).get(),
      proc.get());
}

/// What it says goes to a file of its own, which is there when this process is not any more.
std::vector<UniqueFd> stdio_for(const UniqueFd& directory, const std::string& name) {
  constexpr int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK;
  std::vector<UniqueFd> stdio;
  stdio.push_back(sys::open("/dev/null", O_RDONLY));
  stdio.push_back(sys::open_at(directory.get(), name + ".log", flags, 0600));
  stdio.push_back(sys::open_at(directory.get(), name + ".log", flags, 0600));
  return stdio;
}

}  // namespace

struct Companions::Kept {
  Kept(const boost::asio::any_io_executor& executor, Companion what, ResourceLimits with)
      : companion(std::move(what)), limits(std::move(with)), changed(executor) {}

  Companion companion;
  ResourceLimits limits;
  pid_t pid = 0;
  std::optional<int> status;  ///< with which it has ended
  Clock::time_point started;
  bool has_proc = false;
  bool may_end = false;
  Condition changed;
};

Task<> Companions::start(std::vector<Companion> wanted, ResourceLimits limits) {
  const auto executor = co_await boost::asio::this_coro::executor;
  for (const auto& companion : wanted) {
    const bool is_kept = std::any_of(kept_.begin(), kept_.end(), [&](const auto& kept) {
      return kept->companion.root == companion.root;
    });
    if (is_kept) continue;
    const auto kept = kept_.emplace_back(std::make_shared<Kept>(executor, companion, limits));
    auto starting = try_to_start(kept);
    co_await std::move(starting);
    boost::asio::co_spawn(executor, look_after(kept), boost::asio::detached);
  }
}

Task<> Companions::try_to_start(std::shared_ptr<Kept> kept) {
  try {
    auto starting = start_one(kept);
    co_await std::move(starting);
  } catch (const std::exception& error) {
    log_.error("companion not started", {{"name", kept->companion.name}, {"reason", error.what()}});
    kept->status = not_started;
  }
  // Meanwhile everything may have been told to end.
  if (kept->may_end && !kept->status) children_.spare_no_more(kept->pid);
}

Task<> Companions::start_one(std::shared_ptr<Kept> kept) {
  const auto& companion = kept->companion;
  if (!kept->has_proc) {
    log_.call("mount proc", companion.root, [&] { mount_proc(directory_, companion); });
    kept->has_proc = true;
  }
  Program program{
      companion.arguments.front(), companion.arguments, {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}};
  program.root = companion.root;
  program.limits = kept->limits;
  program.kind = Children::Kind::companion;
  kept->status.reset();
  kept->started = Clock::now();
  Children::Ended on_end = [kept](int status) {
    kept->status = status;
    kept->changed.notify();
  };
  auto stdio = stdio_for(directory_, name_in_directory(companion));
  auto starting = start_program(children_, std::move(program), std::move(stdio), std::move(on_end));
  kept->pid = co_await std::move(starting);
  log_.info("companion started", {{"name", companion.name},
                                  {"pid", kept->pid},
                                  {"program", companion.arguments.front()},
                                  {"root", companion.root}});
}

Task<> Companions::look_after(std::shared_ptr<Kept> kept) {
  for (auto pause = shortest_pause;; pause = std::min(2 * pause, longest_pause)) {
    while (!kept->status) co_await kept->changed.wait();
    if (kept->may_end) co_return;
    if (Clock::now() - kept->started > longest_pause) pause = shortest_pause;
    log_.warning("companion has ended, and is started again",
                 {{"name", kept->companion.name},
                  {"how", describe_wait_status(*kept->status)},
                  {"in", std::chrono::nanoseconds(pause)},
                  {"log", kept->companion.root + ".log"}});
    const auto end = Clock::now() + pause;
    while (!kept->may_end && Clock::now() < end) co_await kept->changed.wait_until(end);
    if (kept->may_end) co_return;
    auto starting = try_to_start(kept);
    co_await std::move(starting);
  }
}

void Companions::let_end() noexcept {
  for (const auto& kept : kept_) {
    kept->may_end = true;
    if (!kept->status) children_.spare_no_more(kept->pid);
    kept->changed.notify();
  }
}

}  // namespace dboot
