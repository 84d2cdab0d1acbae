#include "payload/guardian/watch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <system_error>

#include "payload/guardian/fed_watchdog.hpp"
#include "payload/guardian/look.hpp"
#include "payload/guardian/notices.hpp"
#include "payload/guardian/vigil.hpp"
#include "shared/log/log.hpp"
#include "shared/log/sinks.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"
#include "shared/text/duration.hpp"

namespace dboot::guardian {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using State = Vigil::State;

static_assert(new_system_starts == SIGUSR1 && takeover_has_failed == SIGUSR2);

constexpr auto between_looks = 10s;
/// A disk that does not answer is waited for now and then, and longer before the machine goes back.
constexpr auto patience_with_disks = 1min;
constexpr auto patience_at_the_end = 10min;
constexpr auto last_warning = 60s;
constexpr auto patience_with_sync = 30s;
constexpr const char* kernel_panic = "/proc/sys/kernel/panic";

volatile sig_atomic_t has_begun = 0;
volatile sig_atomic_t is_relieved = 0;

/// A value that the new system may have set to "hang".
void write_if(const char* path, std::string_view unwanted, std::string_view value) noexcept {
  try {
    if (sys::read_file_or_empty(path) == unwanted) sys::write_file(path, value);
  } catch (const std::exception&) {
    // It is there for the case that this process is not.
  }
}

/// What the new system moves, covers or unmounts is as it was here, and no disk that it mounts.
void keep_own_mounts() noexcept {
  if (::unshare(CLONE_NEWNS) == 0) ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
}

/// Is nobody's by mistake.
void become_a_guardian() noexcept {
  ::setsid();
  keep_own_mounts();
  ::prctl(PR_SET_NAME, "dboot-guardian");
  // systemd leaves root's processes alone whose argv[0] begins so, until the machine is off.
  program_invocation_name[0] = '@';
  // Who is looked after by the kernel: children that have ended (SIGCHLD).
  for (const int signal :
       {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPWR, SIGPIPE, SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU})
    ::signal(signal, SIG_IGN);
  ::signal(new_system_starts, [](int) { has_begun = 1; });
  ::signal(takeover_has_failed, [](int) { is_relieved = 1; });
  // The memory of a child is not locked by its parent's locks (mlockall(2)).
  ::mlockall(MCL_CURRENT | MCL_FUTURE);
  try {
    sys::write_file("/proc/self/oom_score_adj", "-1000");
  } catch (const std::exception&) {
    // Where memory ends, others may go first all the same.
  }
}

bool is_roots(int socket) noexcept {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

class Watch {
 public:
  Watch(Charge charge, const DeviceNodes& devices)
      : charge_(std::move(charge)),
        devices_(devices),
        vigil_(Clock::now(), charge_.within),
        notices_(charge_.directory.get()),
        look_(devices),
        writes_(charge_.writes) {
    for (auto& name : charge_.watchdogs) watchdogs_.emplace_back(std::move(name));
    open_log();
  }

  [[noreturn]] void run() {
    feed();
    tell_ready();
    while (vigil_.state_at(Clock::now()) != State::confirmed) {
      wait();
      feed();
      heed_pid_1();
      answer();
      look_at_disks();
      tell();
      if (is_panic_set_) write_if(kernel_panic, "0\n", "10");
      if (vigil_.state_at(Clock::now()) == State::going_back) go_back_unless_changed();
    }
    stay();
  }

 private:
  void open_log() {
    log_.set_origin(charge_.began);
    log_.set_phase("guardian");
    const auto add = [&](const auto& make) {
      try {
        log_.add_sink(make(), Log::Level::info);
      } catch (const std::exception&) {
        // The other one is there.
      }
    };
    add([&] {
      return log::sinks::file(sys::open_at(charge_.directory.get(), layout::payload_log_name,
                                           O_WRONLY | O_APPEND | O_NONBLOCK));
    });
    add([&] { return log::sinks::kmsg(devices_.open("kmsg", O_WRONLY | O_NONBLOCK)); });
  }

  /// A new init has no ear for it.
  void tell_pid_1(const std::string& words) const noexcept {
    [[maybe_unused]] const auto ignored = ::write(charge_.told.get(), words.data(), words.size());
  }
  void tell_ready() const {
    std::vector<std::string> names;
    for (const auto& watchdog : watchdogs_)
      if (watchdog.is_open()) names.push_back(watchdog.name());
    tell_pid_1(is_ready + joined(names, ",") + '\n');
  }

  void heed_pid_1() {
    if (has_begun != 0) {
      has_begun = 0;
      vigil_.begin(Clock::now());
    }
    if (is_relieved != 0) vigil_.relieve();
  }

  void wait() const noexcept {
    constexpr int second_ms = 1000;
    std::array<pollfd, 2> ready{
        {{charge_.listener.get(), POLLIN, 0}, {look_.descriptor(), POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), second_ms);
  }

  void feed() noexcept {
    for (auto& watchdog : watchdogs_) watchdog.feed(devices_);
  }

  /// One at a time, with a second to ask.
  void answer() {
    const UniqueFd client(
        ::accept4(charge_.listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client || !is_roots(client.get())) return;
    constexpr int second_ms = 1000;
    pollfd asked{client.get(), POLLIN, 0};
    std::array<char, 256> bytes;
    if (::poll(&asked, 1, second_ms) <= 0) return;
    const auto count = ::read(client.get(), bytes.data(), bytes.size());
    if (count <= 0) return;
    std::string_view line(bytes.data(), static_cast<std::size_t>(count));
    if (line.ends_with('\n')) line.remove_suffix(1);
    const auto request = decode_request(line);
    const Answer given = request ? vigil_.obey(*request, Clock::now())
                                 : Answer{false, "that is no request: " + log::escaped(line)};
    if (request && request->kind == Request::Kind::extend && given.is_obeyed) {
      is_last_warning_given_ = false;
      log_.info("somebody asks for more time", {{"within", in_words(request->by)}});
    }
    const auto text = encode(given) + '\n';
    [[maybe_unused]] const auto ignored =
        ::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }

  /// From time to time, and only where something was written.
  void look_at_disks() {
    judge();
    const auto now = Clock::now();
    if (look_.is_under_way() || now < next_look_ || vigil_.state_at(now) != State::waiting) return;
    next_look_ = now + between_looks;
    const auto writes = writes_to(charge_.devices);
    const bool is_wanted =
        !suspected_.empty() || writes != writes_ || !are_counted(charge_.devices);
    if (is_wanted && look_.begin(charge_.devices, patience_with_disks)) writes_at_look_ = writes;
  }

  /// What is seen twice is believed: a table that is just read anew looks like another one. True
  /// when a look has come to its end, and nothing has changed.
  bool judge() {
    const auto result = look_.take();
    if (!result) return false;
    const auto devices = joined(changed(charge_.marks, result->marks), ", ");
    if (!devices.empty() && devices == suspected_) disarm(devices);
    if (!result->is_over) return false;
    if (!devices.empty()) next_look_ = Clock::now();
    suspected_ = devices;
    if (!result->is_complete) {
      log_.warning("not all of the old system's disks answer");
    } else if (devices.empty()) {
      writes_ = writes_at_look_;
    }
    return result->is_complete && devices.empty();
  }

  void disarm(const std::string& devices) {
    if (!vigil_.note_change(devices)) return;
    look_.stop();
    log_.error(
        "what the old system needs to start has changed: the machine does not reboot by itself",
        {{"devices", devices}, {"mend", "type dboot-confirm"}});
    Notices::shout(vigil_.message_of_the_day(Clock::now()));
    stop_watchdogs();
    put_kernel_panic_back();
    tell_pid_1({is_disarmed});
  }

  /// Those that cannot be stopped are fed on.
  void stop_watchdogs() {
    std::erase_if(watchdogs_, [this](FedWatchdog& watchdog) {
      const bool is_stopped = watchdog.stop();
      if (is_stopped) {
        log_.info("watchdog stopped", {{"device", watchdog.name()}});
      } else {
        log_.warning("watchdog cannot be stopped: it is fed on", {{"device", watchdog.name()}});
      }
      return is_stopped;
    });
  }

  void put_kernel_panic_back() noexcept {
    is_panic_set_ = false;
    if (charge_.kernel_panic) write_if(kernel_panic, "10\n", std::to_string(*charge_.kernel_panic));
  }

  void tell() {
    const auto now = Clock::now();
    notices_.show(vigil_.message_of_the_day(now));
    const bool is_late = vigil_.state_at(now) == State::waiting &&
                         vigil_.left(now) <= last_warning && charge_.within > 2 * last_warning;
    if (!is_late || is_last_warning_given_) return;
    is_last_warning_given_ = true;
    Notices::shout(vigil_.message_of_the_day(now));
  }

  /// The last looks come at the end, also at what is still on its way to the disks, which nothing
  /// counts: nobody is to write half of it and reboot into that.
  void go_back_unless_changed() {
    look_.stop();
    const auto end = Clock::now() + patience_at_the_end;
    while (vigil_.goes_by_itself() && !charge_.devices.empty() && Clock::now() < end) {
      if (!look_.begin(charge_.devices, end - Clock::now())) {
        // The child of the last one is still there.
        wait();
        feed();
        continue;
      }
      bool has_not_changed = false;
      while (look_.is_under_way()) {
        wait();
        feed();
        answer();
        has_not_changed = judge();
      }
      if (has_not_changed || suspected_.empty()) break;
    }
    if (vigil_.state_at(Clock::now()) == State::going_back) go_back();
  }

  [[noreturn]] void go_back() {
    // The kernel leaves its log where it outlives a reboot, if there is such a place.
    write_if("/sys/module/printk/parameters/always_kmsg_dump", "N\n", "Y");
    log_.error("the machine goes back to the system on its disk", {{"reason", vigil_.reason()}});
    Notices::shout("The machine reboots into the system on its disk: " + vigil_.reason() + ".\n");
    if (charge_.pid_1_obeys) {
      ::kill(1, SIGTERM);
      feed_for(charge_.patience_with_pid_1);
    }
    if (::fork() == 0) {
      ::sync();
      ::reboot(RB_AUTOBOOT);
      ::_exit(1);
    }
    feed_for(patience_with_sync);
    try {
      sys::write_file("/proc/sysrq-trigger", "b");
    } catch (const std::exception&) {
      ::reboot(RB_AUTOBOOT);
    }
    // What is left is a watchdog that nobody feeds.
    for (;;) ::pause();
  }

  void feed_for(Clock::duration time) {
    for (const auto end = Clock::now() + time; Clock::now() < end;) {
      wait();
      feed();
    }
  }

  [[noreturn]] void stay() {
    look_.stop();
    log_.info("somebody has confirmed: the new system stays");
    notices_.show("");
    put_kernel_panic_back();
    stop_watchdogs();
    charge_.listener.reset();
    while (!watchdogs_.empty()) {
      feed();
      ::sleep(1);
    }
    ::_exit(0);
  }

  Charge charge_;
  const DeviceNodes& devices_;
  Log log_;
  Vigil vigil_;
  Notices notices_;
  std::vector<FedWatchdog> watchdogs_;
  Look look_;
  Clock::time_point next_look_;
  std::uint64_t writes_;              ///< after which nothing had changed
  std::uint64_t writes_at_look_ = 0;  ///< at the begin of the one that is under way
  std::string suspected_;             ///< devices that seem to have changed
  bool is_last_warning_given_ = false;
  bool is_panic_set_ = true;  ///< the kernel reboots when it panics
};

}  // namespace

void watch(Charge charge, const DeviceNodes& devices) noexcept {
  become_a_guardian();
  try {
    Watch(std::move(charge), devices).run();
  } catch (const std::exception&) {
    // As if it had been killed.
  }
  ::_exit(1);
}

}  // namespace dboot::guardian
