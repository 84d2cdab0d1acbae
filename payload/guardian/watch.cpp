#include "payload/guardian/watch.hpp"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <system_error>

#include "payload/guardian/notices.hpp"
#include "payload/guardian/vigil.hpp"
#include "shared/log/log.hpp"
#include "shared/log/sinks.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/signals.hpp"
#include "shared/system/syscalls.hpp"
#include "shared/text/duration.hpp"

namespace dboot::guardian {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using State = Vigil::State;

constexpr auto between_looks = 10s;
/// A disk that does not answer is not waited for.
constexpr auto patience_with_disks = 30s;
constexpr auto last_warning = 60s;
/// PID 1 ends processes and unmounts disks, each of which may take its time.
constexpr auto patience_with_pid_1 = 5min;
constexpr auto patience_with_sync = 30s;
/// Unless the driver has another one.
constexpr int watchdog_timeout = 30;
constexpr const char* kernel_panic = "/proc/sys/kernel/panic";

/// A value that the new system may have set to "hang".
void write_if(const char* path, std::string_view unwanted, std::string_view value) noexcept {
  try {
    if (sys::read_file_or_empty(path) == unwanted) sys::write_file(path, value);
  } catch (const std::exception&) {
    // It is there for the case that this process is not.
  }
}

/// Is nobody's by mistake.
void become_a_guardian() noexcept {
  ::setsid();
  ::prctl(PR_SET_NAME, "dboot-guardian");
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPWR, SIGPIPE})
    ::signal(signal, SIG_IGN);
  // The memory of a child is not locked by its parent's locks (mlockall(2)).
  ::mlockall(MCL_CURRENT | MCL_FUTURE);
  try {
    sys::write_file("/proc/self/oom_score_adj", "-1000");
  } catch (const std::exception&) {
    // Where memory ends, others may go first all the same.
  }
}

class Watchdog {
 public:
  explicit Watchdog(std::string name) : name_(std::move(name)) {}

  /// Nothing here waits: a driver that does not take it now, takes it in a second.
  void feed(const DeviceNodes& devices) noexcept {
    if (!file_) open(devices);
    if (file_) tell('\0');
  }
  /// False where its driver does not allow it: it has to be fed on.
  bool stop() noexcept {
    if (!file_ || attribute("nowayout") == "1\n") return !file_;
    tell('V');
    file_.reset();
    return true;
  }
  const std::string& name() const noexcept { return name_; }

 private:
  void open(const DeviceNodes& devices) noexcept {
    try {
      file_ = devices.open(name_, O_WRONLY | O_NONBLOCK);
      int seconds = watchdog_timeout;
      ::ioctl(file_.get(), WDIOC_SETTIMEOUT, &seconds);
    } catch (const std::exception&) {
      // Somebody has it open.
    }
  }
  void tell(char word) const noexcept {
    [[maybe_unused]] const auto ignored = ::write(file_.get(), &word, 1);
  }
  std::string attribute(const char* what) const {
    return sys::read_file_or_empty("/sys/class/watchdog/" + name_ + '/' + what);
  }

  std::string name_;
  UniqueFd file_;
};

/// A child that looks at the disks.
class Look {
 public:
  bool is_under_way() const noexcept { return pid_ > 0; }

  void begin(const std::vector<std::string>& names, const DeviceNodes& devices) {
    auto pipe = sys::make_pipe();
    end_ = Clock::now() + patience_with_disks;
    pid_ = ::fork();
    if (pid_ == 0) {
      // What was written is to be on the disks, where it is looked for.
      ::sync();
      const auto open = [&](const std::string& node) {
        return devices.open(node, O_RDONLY | O_DIRECT | O_NONBLOCK);
      };
      sys::write_all(pipe.write.get(), encode(mark(names, open)) + ".\n");
      ::_exit(0);
    }
    answer_ = std::move(pipe.read);
    text_.clear();
  }

  /// What is there, once it is complete; empty marks when the disks have not answered.
  std::optional<std::vector<Mark>> take() {
    if (!is_under_way()) return std::nullopt;
    std::array<char, 4096> bytes;
    while (sys::is_readable(answer_.get())) {
      const auto count = ::read(answer_.get(), bytes.data(), bytes.size());
      if (count <= 0) return finish();
      text_.append(bytes.data(), static_cast<std::size_t>(count));
    }
    if (Clock::now() < end_) return std::nullopt;
    ::kill(pid_, SIGKILL);
    text_.clear();
    return finish();
  }
  int descriptor() const noexcept { return is_under_way() ? answer_.get() : -1; }

 private:
  std::vector<Mark> finish() {
    // One that hangs in the kernel is reaped when this process ends.
    ::waitpid(pid_, nullptr, WNOHANG);
    pid_ = 0;
    answer_.reset();
    return text_.ends_with(".\n") ? decode(text_) : std::vector<Mark>();
  }

  pid_t pid_ = 0;
  UniqueFd answer_;
  std::string text_;
  Clock::time_point end_;
};

class Watch {
 public:
  Watch(Charge charge, const DeviceNodes& devices)
      : charge_(std::move(charge)),
        devices_(devices),
        vigil_(Clock::now(), charge_.within),
        notices_(charge_.directory.get()),
        writes_(charge_.writes),
        is_counted_(are_counted(charge_.devices)) {
    for (auto& name : charge_.watchdogs) watchdogs_.emplace_back(std::move(name));
    open_log();
  }

  [[noreturn]] void run() {
    feed();
    [[maybe_unused]] const auto ignored = ::write(charge_.ready.get(), "", 1);
    charge_.ready.reset();
    while (vigil_.state_at(Clock::now()) != State::confirmed) {
      wait();
      feed();
      answer();
      look_at_disks();
      tell();
      write_if(kernel_panic, "0\n", "10");
      if (vigil_.state_at(Clock::now()) == State::going_back) go_back_unless_changed();
    }
    stay();
  }

 private:
  void open_log() {
    log_.set_origin(charge_.began);
    log_.set_lines(charge_.lines);
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
    if (!client) return;
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

  /// From time to time, and only what was written to.
  void look_at_disks() {
    if (auto marks = look_.take()) judge(*marks);
    const auto now = Clock::now();
    if (look_.is_under_way() || now < next_look_ || vigil_.state_at(now) != State::waiting) return;
    next_look_ = now + between_looks;
    if (has_been_written()) begin_look();
  }

  bool has_been_written() const { return !is_counted_ || writes_to(charge_.devices) != writes_; }

  void begin_look() {
    try {
      look_.begin(charge_.devices, devices_);
    } catch (const std::system_error& error) {
      log_.warning("the old system's disks are not looked at", {{"reason", error.what()}});
    }
  }

  void judge(const std::vector<Mark>& marks) {
    if (marks.empty() && !charge_.devices.empty()) {
      log_.warning("the old system's disks do not answer");
      return;
    }
    const auto devices = changed(charge_.marks, marks);
    if (devices.empty() || !vigil_.note_change(joined(devices, ", "))) return;
    log_.error(
        "what the old system needs to start has changed: the machine does not reboot by itself",
        {{"devices", joined(devices, ",")}, {"mend", "type dboot-confirm"}});
    Notices::shout(vigil_.message_of_the_day(Clock::now()));
    for (auto& watchdog : watchdogs_) {
      if (watchdog.stop()) log_.info("watchdog stopped", {{"device", watchdog.name()}});
    }
    watchdogs_.clear();
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

  /// The last look comes at the end, for what was written since the one before.
  void go_back_unless_changed() {
    if (has_been_written()) {
      while (look_.is_under_way()) wait_for_look();
      begin_look();
      while (look_.is_under_way()) wait_for_look();
    }
    if (vigil_.state_at(Clock::now()) == State::going_back) go_back();
  }

  void wait_for_look() {
    wait();
    feed();
    if (auto marks = look_.take()) judge(*marks);
  }

  [[noreturn]] void go_back() {
    // The kernel leaves its log where it outlives a reboot, if there is such a place.
    write_if("/sys/module/printk/parameters/always_kmsg_dump", "N\n", "Y");
    log_.error("the machine goes back to the system on its disk", {{"reason", vigil_.reason()}});
    Notices::shout("The machine reboots into the system on its disk: " + vigil_.reason() + ".\n");
    if (charge_.pid_1_obeys) {
      ::kill(1, SIGTERM);
      feed_for(patience_with_pid_1);
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
    log_.info("somebody has confirmed: the new system stays");
    notices_.show("");
    if (charge_.kernel_panic) write_if(kernel_panic, "10\n", std::to_string(*charge_.kernel_panic));
    std::erase_if(watchdogs_, [](Watchdog& watchdog) { return watchdog.stop(); });
    for (const auto& watchdog : watchdogs_)
      log_.warning("watchdog cannot be stopped: it is fed on", {{"device", watchdog.name()}});
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
  std::vector<Watchdog> watchdogs_;
  Look look_;
  Clock::time_point next_look_;
  std::uint64_t writes_;
  bool is_counted_;
  bool is_last_warning_given_ = false;
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
