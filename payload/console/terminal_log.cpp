#include "payload/console/terminal_log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;

/// With what the sink holds back a hundred lines or so, which a serial line of 115,200 baud takes
/// in a second: as long as that whoever ends the log may have to wait for it.
constexpr int room = 4096;
constexpr auto to_end = 1s;

/// In the child. Ends with the log or, after some seconds, when the terminal does not come back.
class Drawing {
 public:
  Drawing(int socket, UniqueFd terminal, const DeviceNodes& devices, const std::string& name)
      : socket_(socket), terminal_(std::move(terminal)), devices_(devices), name_(name) {
    wait_when_it_is_full();
  }

  void run() {
    std::array<char, 4096> text;
    for (;;) {
      // They stay in the socket until they are drawn: whoever looks there sees whether they are.
      const ssize_t size = ::recv(socket_, text.data(), text.size(), MSG_PEEK);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return;
      const ssize_t drawn = ::write(terminal_.get(), text.data(), static_cast<std::size_t>(size));
      if (drawn > 0) {
        ::recv(socket_, text.data(), static_cast<std::size_t>(drawn), 0);
        failures_ = 0;
      } else if (errno != EINTR) {
        open_again();
      }
    }
  }

 private:
  void wait_when_it_is_full() {
    const int flags = ::fcntl(terminal_.get(), F_GETFL);
    ::fcntl(terminal_.get(), F_SETFL, flags & ~O_NONBLOCK);
  }

  void open_again() {
    constexpr int most_failures = 50;
    constexpr int pause_ms = 100;
    if (++failures_ > most_failures) ::_exit(1);
    if (failures_ > 1) ::poll(nullptr, 0, pause_ms);
    try {
      terminal_ = devices_.open(name_, O_RDWR | O_NOCTTY | O_NONBLOCK);
      wait_when_it_is_full();
    } catch (const std::system_error&) {
      // The old one fails again.
    }
  }

  int socket_;
  UniqueFd terminal_;
  const DeviceNodes& devices_;
  const std::string& name_;
  int failures_ = 0;
};

}  // namespace

TerminalLog::TerminalLog(Log& log, Children& children, const DeviceNodes& devices,
                         const boost::asio::any_io_executor& executor, std::string name,
                         Log::Level level)
    : devices_(devices),
      name_(std::move(name)),
      writer_(log, children, executor,
              {level, "\r\n", log::sinks::Behind::leave_out_details, room}) {}

Task<> TerminalLog::start(UniqueFd terminal, std::string earlier) {
  Writer::Work draw = [&](int socket) {
    Drawing(socket, std::move(terminal), devices_, name_).run();
  };
  auto starting = writer_.start("the log on " + name_, {terminal.get(), devices_.mount()},
                                std::move(draw), std::move(earlier));
  co_await std::move(starting);
}

Task<> TerminalLog::stop() {
  writer_.finish();
  auto ending = writer_.wait_for_end(to_end);
  co_await std::move(ending);
}

}  // namespace dboot
