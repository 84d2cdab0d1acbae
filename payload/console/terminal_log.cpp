#include "payload/console/terminal_log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

constexpr log::Stream::Lines lines{
    .end = "\r\n",
    .behind = log::Behind::leave_out_details,
    // Ten seconds of a serial line of 115,200 baud.
    .most = 1UL << 17U,
    // A hundred lines or so, which such a line takes in a second: as long as that whoever ends the
    // log may have to wait for it.
    .room = 4096,
};

/// In the child. Ends with the log or, after some seconds, when the terminal does not come back.
class Drawing {
 public:
  Drawing(const DeviceNodes& devices, const std::string& name) : devices_(devices), name_(name) {}

  /// How many bytes of it.
  std::size_t draw(std::string_view text) {
    for (;; open()) {
      const ssize_t drawn = terminal_ ? ::write(terminal_.get(), text.data(), text.size()) : 0;
      if (drawn <= 0) continue;
      failures_ = 0;
      return static_cast<std::size_t>(drawn);
    }
  }

 private:
  void open() {
    constexpr int most_failures = 50;
    constexpr int pause_ms = 100;
    if (++failures_ > most_failures) ::_exit(1);
    if (failures_ > 2) ::poll(nullptr, 0, pause_ms);
    try {
      // It waits for no carrier, and then until there is room.
      terminal_ = devices_.open(name_, O_WRONLY | O_NOCTTY | O_NONBLOCK);
      ::fcntl(terminal_.get(), F_SETFL, 0);
    } catch (const std::system_error&) {
      // The old one fails again.
    }
  }

  const DeviceNodes& devices_;
  const std::string& name_;
  UniqueFd terminal_;
  int failures_ = 0;
};

}  // namespace

TerminalLog::TerminalLog(Log& log, Children& children, const DeviceNodes& devices,
                         const boost::asio::any_io_executor& executor, std::string name,
                         Log::Level level, std::string_view earlier)
    : devices_(devices),
      name_(std::move(name)),
      writer_(log, children, executor, level, lines, earlier) {}

Task<> TerminalLog::start() {
  Writer::Work work = [this](int socket) {
    Drawing drawing(devices_, name_);
    log::take_lines(socket, [&](std::string_view text) { return drawing.draw(text); });
  };
  return writer_.start("the log on " + name_, {devices_.mount()}, std::move(work));
}

Task<> TerminalLog::stop(Writer::TimePoint end) {
  auto closing = writer_.close(end);
  co_await std::move(closing);
  auto ending = writer_.wait_for_end(end);
  co_await std::move(ending);
}

}  // namespace dboot
