#include "payload/guardian/guardian.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include "payload/children/blocking.hpp"
#include "payload/children/fork.hpp"
#include "payload/condition.hpp"
#include "payload/guardian/watch.hpp"
#include "payload/init/supervisor.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"
#include "shared/text/duration.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> names_in(const std::string& path) {
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::vector<std::string> names;
  if (!directory) return names;
  for (auto& entry : entries_of(directory.get(), path)) names.push_back(std::move(entry.name));
  std::sort(names.begin(), names.end());
  return names;
}

UniqueFd listen(const UniqueFd& directory) {
  UniqueFd socket(
      sys::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, layout::guardian_socket, sizeof address.sun_path - 1);
  ::unlinkat(directory.get(), std::strrchr(layout::guardian_socket, '/') + 1, 0);
  sys::check(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
             "bind ", layout::guardian_socket);
  constexpr int waiting = 8;
  sys::check(::listen(socket.get(), waiting), "listen at ", layout::guardian_socket);
  return socket;
}

UniqueFd duplicate(const UniqueFd& fd) {
  constexpr int above_stdio = 3;
  return UniqueFd(sys::check(::fcntl(fd.get(), F_DUPFD_CLOEXEC, above_stdio), "duplicate"));
}

/// Or for as long as a driver may take.
Task<> until_readable(int pipe) {
  constexpr auto patience = 5s;
  Condition nothing(co_await boost::asio::this_coro::executor);
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!sys::is_readable(pipe) && std::chrono::steady_clock::now() < end)
    co_await nothing.wait_until(std::chrono::steady_clock::now() + 5ms);
}

}  // namespace

bool Guardian::is_wanted() const {
  return plan_.confirm_within.count() != 0 && permissions_.allows(Action::reboot);
}

Task<> Guardian::mark_disks(const std::vector<std::string>& in_use) {
  if (!is_wanted()) co_return;
  marked_ = guardian::devices_to_mark(in_use);
  blocking::Work work = [this](const blocking::Report& report) {
    const auto open = [this](const std::string& node) {
      return devices_.open(node, O_RDONLY | O_DIRECT | O_NONBLOCK);
    };
    report.write(guardian::encode(guardian::mark(marked_, open)));
  };
  auto child =
      blocking::run(children_, "look at the disks", 30s, std::move(work), {devices_.mount()});
  const auto outcome = co_await std::move(child);
  marks_ = guardian::decode(outcome.text);
  if (!outcome.finished())
    log_.warning("not known what the old system needs to start", {{"reason", outcome.error}});
  for (const auto& [device, what] : marks_)
    log_.debug("the old system needs", {{"device", device}, {"what", what}});
  if (!guardian::are_counted(marked_))
    log_.warning("writes to disks are not counted: they are looked at from time to time",
                 {{"devices", joined(marked_, ",")}});
}

/// One that cannot be loaded is no reason to fail: without it a guardian that is killed by an init
/// of the image would not lead back, and all else does.
void Guardian::load_watchdog_modules() {
  for (const auto& name : names_in(layout::watchdog_modules)) {
    try {
      log_.call("finit_module", name, [&] {
        const UniqueFd module =
            sys::open(std::string(layout::watchdog_modules) + '/' + name, O_RDONLY);
        if (::syscall(SYS_finit_module, module.get(), "", 0) != 0 && errno != EEXIST)
          sys::fail(errno, {"load the module ", name});
      });
    } catch (const std::system_error& error) {
      log_.warning("no watchdog in software", {{"reason", error.what()}});
      return;
    }
  }
}

Task<> Guardian::start(std::vector<std::string> watchdogs) {
  constexpr const char* all_watchdogs = "/sys/class/watchdog";
  if (watchdogs.empty() && names_in(all_watchdogs).empty()) load_watchdog_modules();
  if (watchdogs.empty()) {
    watchdogs = names_in(all_watchdogs);
    if (watchdogs.size() > 1) watchdogs.resize(1);
  }
  guardian::Charge charge;
  charge.within = std::chrono::ceil<std::chrono::seconds>(plan_.confirm_within);
  charge.pid_1_obeys = plan_.start == Start::supervise;
  charge.kernel_panic = plan_.kernel_panic;
  charge.devices = marked_;
  charge.marks = marks_;
  charge.writes = guardian::writes_to(marked_);
  charge.watchdogs = watchdogs;
  charge.began = plan_.began;
  charge.listener = listen(directory_);
  charge.directory = duplicate(directory_);
  auto pipe = sys::make_pipe();
  charge.ready = std::move(pipe.write);
  auto starting = fork_patiently([&] {
    const std::vector<int> keep{charge.listener.get(), charge.directory.get(), charge.ready.get(),
                                devices_.mount()};
    const pid_t pid = fork_child("guard the machine", keep,
                                 [&] { guardian::watch(std::move(charge), devices_); });
    children_.add(pid, Children::Kind::companion, [this](int status) { heed_its_end(status); });
    return pid;
  });
  const pid_t pid = co_await std::move(starting);
  charge.ready.reset();
  auto waiting = until_readable(pipe.read.get());
  co_await std::move(waiting);
  log_.info("the machine goes back unless somebody confirms",
            {{"within", in_words(std::chrono::floor<std::chrono::seconds>(plan_.confirm_within))},
             {"by", "dboot-confirm"},
             {"pid", pid},
             {"watchdog", watchdogs.empty() ? "none" : joined(watchdogs, ",")}});
  if (watchdogs.empty() && plan_.start == Start::exec)
    log_.warning("a guardian that is killed does not lead back: there is no watchdog");
}

/// As PID 1, which a supervised command has: asks itself for what an init is asked for.
void Guardian::heed_its_end(int status) {
  if (status == 0) return;
  kernel_log_.take(devices_);
  kernel_log_.show_on_consoles();
  log_.error("the guardian has ended before somebody has confirmed: rebooting",
             {{"how", describe_wait_status(status)}});
  ::kill(::getpid(), SIGTERM);
}

}  // namespace dboot
