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
#include <optional>
#include <stdexcept>
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

/// Besides the grace period: processes that do not end, disks that take their time.
constexpr auto to_end_the_system = 5min;

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

/// Without its newline; what there is of it when a driver takes too long. Empty when the writer has
/// ended.
Task<std::optional<std::string>> first_line_from(int pipe) {
  constexpr auto patience = 10s;
  Condition nothing(co_await boost::asio::this_coro::executor);
  std::string line;
  const auto end = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < end) {
    char letter = 0;
    if (!sys::is_readable(pipe)) {
      co_await nothing.wait_until(std::chrono::steady_clock::now() + 5ms);
    } else if (::read(pipe, &letter, 1) != 1) {
      co_return std::nullopt;
    } else if (letter == '\n') {
      break;
    } else {
      line += letter;
    }
  }
  co_return line;
}

}  // namespace

bool Guardian::is_wanted() const {
  return plan_.confirm_within.count() != 0 && permissions_.allows(Action::reboot);
}

Task<> Guardian::mark_disks(const std::vector<std::string>& in_use) {
  if (!is_wanted()) co_return;
  marked_ = guardian::devices_to_mark(in_use);
  writes_ = guardian::writes_to(marked_);
  blocking::Work work = [this](const blocking::Report& report) {
    const auto open = [this](const std::string& node) {
      return devices_.open(node, O_RDONLY | O_DIRECT | O_NONBLOCK);
    };
    // One by one: one that does not answer keeps no other.
    for (const auto& device : marked_)
      report.write(guardian::encode({guardian::mark(device, marked_, open)}));
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
Task<> Guardian::load_watchdog_modules() {
  const auto names = names_in(layout::watchdog_modules);
  if (names.empty()) co_return;
  blocking::Work work = [&names](const blocking::Report& report) {
    for (const auto& name : names) {
      const UniqueFd module =
          sys::open(std::string(layout::watchdog_modules) + '/' + name, O_RDONLY);
      const bool is_loaded = ::syscall(SYS_finit_module, module.get(), "", 0) == 0;
      const int error = is_loaded ? 0 : errno;
      report.call("finit_module", name, error);
      if (error != 0 && error != EEXIST) sys::fail(error, {"load the module ", name});
    }
  };
  auto child = blocking::run(children_, "load a watchdog", 10s, std::move(work));
  const auto outcome = co_await std::move(child);
  if (!outcome.finished()) log_.warning("no watchdog in software", {{"reason", outcome.error}});
}

Task<> Guardian::start(std::vector<std::string> watchdogs) {
  constexpr const char* all_watchdogs = "/sys/class/watchdog";
  if (watchdogs.empty() && names_in(all_watchdogs).empty()) {
    auto loading = load_watchdog_modules();
    co_await std::move(loading);
  }
  if (watchdogs.empty()) {
    watchdogs = names_in(all_watchdogs);
    if (watchdogs.size() > 1) watchdogs.resize(1);
  }
  auto pipe = sys::make_pipe();
  guardian::Charge charge;
  charge.within = std::chrono::ceil<std::chrono::seconds>(plan_.confirm_within);
  charge.pid_1_obeys = plan_.start == Start::supervise;
  charge.patience_with_pid_1 =
      std::chrono::ceil<std::chrono::seconds>(2 * plan_.grace) + to_end_the_system;
  charge.kernel_panic = plan_.kernel_panic;
  charge.devices = marked_;
  charge.marks = marks_;
  charge.writes = writes_;
  charge.watchdogs = std::move(watchdogs);
  charge.began = plan_.began;
  charge.listener = listen(directory_);
  charge.directory = duplicate(directory_);
  charge.told = std::move(pipe.write);
  auto starting = fork_patiently([&] {
    const std::vector<int> keep{charge.listener.get(), charge.directory.get(), charge.told.get(),
                                devices_.mount()};
    const pid_t pid = fork_child("guard the machine", keep,
                                 [&] { guardian::watch(std::move(charge), devices_); });
    children_.add(pid, Children::Kind::companion, [this](int status) { heed_its_end(status); });
    return pid;
  });
  pid_ = co_await std::move(starting);
  charge.told.reset();
  told_ = std::move(pipe.read);
  auto hearing = first_line_from(told_.get());
  const auto line = co_await std::move(hearing);
  if (!line) throw std::runtime_error("the guardian of the way back has ended at once");
  // A watchdog whose driver does not answer is none.
  const auto fed = line->starts_with(guardian::is_ready) ? line->substr(1) : "";
  log_.info("the machine goes back unless somebody confirms",
            {{"within", in_words(std::chrono::floor<std::chrono::seconds>(plan_.confirm_within))},
             {"by", "dboot-confirm"},
             {"pid", pid_},
             {"watchdog", fed.empty() ? "none" : fed}});
  if (fed.empty())
    log_.warning("a guardian that stands still does not lead back: there is no watchdog");
}

void Guardian::begin() {
  if (pid_ == 0) return;
  if (is_dead_) throw std::runtime_error("the guardian of the way back has ended");
  ::kill(pid_, guardian::new_system_starts);
}

void Guardian::relieve() noexcept {
  if (pid_ != 0 && !is_dead_) ::kill(pid_, guardian::takeover_has_failed);
}

bool Guardian::is_disarmed() const {
  char word = guardian::is_ready;
  while (sys::is_readable(told_.get()) && ::read(told_.get(), &word, 1) == 1) {
  }
  return word == guardian::is_disarmed;
}

/// As PID 1, which a supervised command has: asks itself for what an init is asked for. Before
/// anybody hears that, begin() fails.
void Guardian::heed_its_end(int status) {
  is_dead_ = true;
  if (status == 0) return;
  kernel_log_.take(devices_);
  kernel_log_.show_on_consoles();
  if (is_disarmed()) {
    log_.error("the guardian has ended, and nobody waits for a confirmation any more",
               {{"how", describe_wait_status(status)}});
    return;
  }
  log_.error("the guardian has ended before somebody has confirmed: rebooting",
             {{"how", describe_wait_status(status)}});
  ::kill(::getpid(), SIGTERM);
}

}  // namespace dboot
