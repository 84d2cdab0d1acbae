#include "payload/attach/relay.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#include <cerrno>
#include <exception>
#include <iterator>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "payload/attach/messages.hpp"
#include "shared/terminal/streams.hpp"
#include "shared/terminal/terminal.hpp"

namespace dboot::attach {
namespace {

/// What somebody who attaches is shown of before: a screen full.
constexpr std::size_t kept = std::size_t{16} << 10U;
/// As long as a console has more than that to show, the command waits for it, as it would without
/// anybody in between; not while somebody is attached.
constexpr std::size_t most_for_console = std::size_t{4} << 10U;
/// Who takes nothing any more is not kept.
constexpr std::size_t most_for_viewer = std::size_t{1} << 20U;
/// For what is typed faster than it is read.
constexpr std::size_t most_typed = std::size_t{64} << 10U;
/// Screens on which nothing was measured.
constexpr Window usual{24, 80};

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
    while (!output_.has_ended()) {
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
    ::poll(polled.data(), polled.size(), -1);
  }

  void pass_output() {
    if (!may_take_output()) return;
    const auto bytes = output_.take();
    if (bytes.empty()) return;
    seen_ += bytes;
    if (seen_.size() > 2 * kept) seen_.erase(0, seen_.size() - kept);
    if (screen_ && screen_->pending() < most_for_viewer) screen_->put(bytes);
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
    viewers_.emplace_back(socket.get());
    const auto shown = seen_.size() > kept ? seen_.substr(seen_.size() - kept) : seen_;
    viewers_.back().out.put(shown);
  }

  void flush() {
    typed_.flush();
    if (screen_) screen_->flush();
    for (auto& viewer : viewers_) viewer.out.flush();
  }

  /// A second for what they have still to take.
  void finish() {
    constexpr int slices = 20;
    constexpr int slice_ms = 50;
    for (int slice = 0; slice < slices && !is_clear(); ++slice) {
      std::vector<pollfd> polled;
      if (screen_) polled.push_back(screen_->wanted());
      for (const auto& viewer : viewers_) polled.push_back(viewer.out.wanted());
      ::poll(polled.data(), polled.size(), slice_ms);
      flush();
    }
  }

  bool is_clear() const {
    bool clear = !screen_ || screen_->is_clear();
    for (const auto& viewer : viewers_) clear = clear && viewer.out.is_clear();
    return clear;
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
  try {
    Relay(std::move(ends)).run();
  } catch (const std::exception&) {
    // The command's terminal is hung up, and PID 1 sees its end.
  }
}

}  // namespace dboot::attach
