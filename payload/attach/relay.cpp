#include "payload/attach/relay.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include <cerrno>
#include <exception>
#include <iterator>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "payload/attach/messages.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/terminal/streams.hpp"
#include "shared/terminal/terminal.hpp"

namespace dboot::attach {
namespace {

/// What somebody who attaches is shown of before: a screen full.
constexpr std::size_t kept = std::size_t{16} << 10U;
/// As long as a console has more than that to show, the command waits for it, as it would without
/// anybody in between. While somebody is attached it is not waited for, and what is more than this
/// is not shown there.
constexpr std::size_t most_for_console = std::size_t{4} << 10U;
constexpr std::size_t most_for_console_behind = std::size_t{16} << 10U;
/// Who takes nothing any more is not kept.
constexpr std::size_t most_for_viewer = std::size_t{1} << 20U;
/// For what is typed faster than it is read.
constexpr std::size_t most_typed = std::size_t{64} << 10U;
/// Screens on which nothing was measured.
constexpr Window usual{24, 80};

volatile sig_atomic_t end_is_asked = 0;

/// SIGTERM comes in ppoll(2), and nowhere else.
void catch_end() {
  sigset_t end;
  ::sigemptyset(&end);
  ::sigaddset(&end, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &end, nullptr);
  struct sigaction action {};
  action.sa_handler = [](int) { end_is_asked = 1; };
  ::sigaction(SIGTERM, &action, nullptr);
}

class Relay {
 public:
  explicit Relay(Ends ends)
      : master_(ends.master.get()),
        output_(duplicate(ends.master.get())),
        typed_(std::move(ends.master)),
        listener_(std::move(ends.listener)) {
    if (ends.console) {
      terminal_of_console_ = ends.console.get();
      keys_.emplace(duplicate(ends.console.get()));
      screen_.emplace(std::move(ends.console));
      raw_.emplace(terminal_of_console_);
    }
    fit_console();
  }

  void run() {
    while (!output_.has_ended() && end_is_asked == 0) {
      wait();
      pass_output();
      pass_typed();
      accept();
      flush();
    }
    finish();
  }

 private:
  struct Viewer {
    explicit Viewer(int socket) : in(socket), out(socket) {}

    Inlet in;
    Outlet out;
    Reader reader;
  };

  static UniqueFd duplicate(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

  bool may_take_output() const {
    return !screen_ || !viewers_.empty() || screen_->pending() < most_for_console;
  }

  void wait() {
    std::vector<pollfd> polled{{listener_.get(), POLLIN, 0}, typed_.wanted()};
    if (may_take_output()) polled.push_back(output_.wanted());
    if (screen_) polled.push_back(screen_->wanted());
    if (keys_ && typed_.pending() < most_typed) polled.push_back(keys_->wanted());
    for (const auto& viewer : viewers_) {
      polled.push_back(viewer.out.wanted());
      if (typed_.pending() < most_typed) polled.push_back(viewer.in.wanted());
    }
    // A console tells nobody that its size has changed.
    constexpr timespec second{1, 0};
    const bool looks_at_size = terminal_of_console_ >= 0 && viewers_.empty();
    const sigset_t nothing_blocked{};
    ::ppoll(polled.data(), polled.size(), looks_at_size ? &second : nullptr, &nothing_blocked);
    if (looks_at_size) fit_console();
  }

  void pass_output() {
    if (!may_take_output()) return;
    const auto bytes = output_.take();
    if (bytes.empty()) return;
    seen_ += bytes;
    if (seen_.size() > 2 * kept) seen_.erase(0, seen_.size() - kept);
    if (screen_ && screen_->pending() < most_for_console_behind) screen_->put(bytes);
    for (auto& viewer : viewers_) viewer.out.put(bytes);
  }

  void pass_typed() {
    if (keys_ && typed_.pending() < most_typed) {
      typed_.put(keys_->take());
      // A terminal that was hung up.
      if (keys_->has_ended()) keys_.reset();
    }
    for (auto viewer = viewers_.begin(); viewer != viewers_.end();) {
      if (typed_.pending() < most_typed) viewer->reader.add(viewer->in.take());
      while (auto message = viewer->reader.next()) obey(*message);
      const bool leaves = viewer->in.has_ended() || viewer->reader.is_broken() ||
                          viewer->out.broken() != 0 || viewer->out.pending() > most_for_viewer;
      viewer = leaves ? viewers_.erase(viewer) : std::next(viewer);
      if (leaves && viewers_.empty()) fit_console();
    }
  }

  void obey(const Message& message) {
    if (const auto* typed = std::get_if<Typed>(&message)) typed_.put(typed->bytes);
    if (const auto* window = std::get_if<Window>(&message)) fit(*window);
  }

  void accept() {
    pollfd waiting{listener_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 0) <= 0) return;
    const UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket) return;
    if (is_on_this_terminal(socket.get())) {
      constexpr std::string_view why = "this is the terminal of the command itself\r\n";
      ::send(socket.get(), why.data(), why.size(), MSG_DONTWAIT);
      return;
    }
    viewers_.emplace_back(socket.get());
    const auto shown = seen_.size() > kept ? seen_.substr(seen_.size() - kept) : seen_;
    viewers_.back().out.put(shown);
  }

  /// What it is shown would come back as output.
  bool is_on_this_terminal(int socket) const {
    ucred peer{};
    socklen_t size = sizeof peer;
    unsigned number = 0;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        ::ioctl(master_, TIOCGPTN, &number) != 0)
      return false;
    const auto process = read_process_status(peer.pid);
    // Documentation/admin-guide/devices.txt: "Unix98 PTY slaves".
    constexpr unsigned first_major = 136;
    constexpr unsigned each = 256;
    return process && process->terminal == makedev(first_major + number / each, number % each);
  }

  void flush() {
    typed_.flush();
    if (screen_) screen_->flush();
    for (auto& viewer : viewers_) viewer.out.flush();
  }

  /// The command has ended: all that it has put out, as long as somebody takes some of it within a
  /// second.
  void finish() {
    constexpr int second_ms = 1000;
    for (auto rest = output_.take(); !rest.empty(); rest = output_.take()) {
      if (screen_) screen_->put(rest);
      for (auto& viewer : viewers_) viewer.out.put(rest);
    }
    for (std::size_t before = pending() + 1; pending() != 0 && pending() < before;) {
      before = pending();
      std::vector<pollfd> polled;
      if (screen_) polled.push_back(screen_->wanted());
      for (const auto& viewer : viewers_) polled.push_back(viewer.out.wanted());
      ::poll(polled.data(), polled.size(), second_ms);
      flush();
    }
  }

  std::size_t pending() const {
    std::size_t sum = screen_ ? screen_->pending() : 0;
    for (const auto& viewer : viewers_) sum += viewer.out.pending();
    return sum;
  }

  void fit(const Window& window) const {
    winsize size{};
    size.ws_row = window.rows;
    size.ws_col = window.columns;
    ::ioctl(master_, TIOCSWINSZ, &size);
  }

  void fit_console() const {
    winsize size{};
    if (terminal_of_console_ < 0 || ::ioctl(terminal_of_console_, TIOCGWINSZ, &size) != 0 ||
        size.ws_row == 0)
      return fit(usual);
    fit({size.ws_row, size.ws_col});
  }

  int master_;
  Inlet output_;
  Outlet typed_;
  UniqueFd listener_;
  int terminal_of_console_ = -1;
  std::optional<Inlet> keys_;
  std::optional<Outlet> screen_;
  std::optional<terminal::RawMode> raw_;  ///< ends before the console is closed
  std::list<Viewer> viewers_;
  std::string seen_;
};

}  // namespace

void relay(Ends ends) noexcept {
  ::signal(SIGPIPE, SIG_IGN);
  // Its console is not its controlling terminal, and it writes there all the same.
  ::signal(SIGTTOU, SIG_IGN);
  catch_end();
  try {
    Relay(std::move(ends)).run();
  } catch (const std::exception&) {
    // The command's terminal is hung up, and PID 1 sees its end.
  }
}

}  // namespace dboot::attach
