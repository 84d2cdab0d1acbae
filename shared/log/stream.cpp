#include "shared/log/stream.hpp"

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "shared/log/backlog.hpp"
#include "shared/system/syscalls.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::log {

class Stream::Sender final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  Sender(Lines lines, std::function<void()> held)
      : lines_(lines), tell_(std::move(held)), held_(lines.most, lines.end) {}

  int open() {
    take_back();
    std::array<int, 2> pair{};
    sys::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()),
               "socketpair for the log");
    ours_.reset(pair[0]);
    theirs_.reset(pair[1]);
    if (lines_.room != 0)
      ::setsockopt(ours_.get(), SOL_SOCKET, SO_SNDBUF, &lines_.room, sizeof lines_.room);
    return theirs_.get();
  }

  void send() {
    while (ours_ && !held_.empty()) {
      const auto text = held_.front();
      const ssize_t count =
          ::send(ours_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return tell_();
      held_.take(static_cast<std::size_t>(count));
    }
  }

  void close() noexcept { ours_.reset(); }

  bool is_taken() const noexcept {
    int waiting = 0;
    return held_.empty() && theirs_ && ::ioctl(theirs_.get(), FIONREAD, &waiting) == 0 &&
           waiting == 0;
  }

  std::size_t lines_missing() const noexcept { return held_.lines_missing(); }

 private:
  bool are_many() const noexcept {
    constexpr std::size_t most = 4096;
    return held_.bytes() > most;
  }

  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string_view line(message.payload.data(), message.payload.size());
    const bool is_detail = message.level < spdlog::level::info;
    if (are_many()) send();
    if (is_detail && are_many() && lines_.behind == Behind::leave_out_details) {
      held_.leave_out(line);
    } else {
      held_.add(line);
    }
    if (is_detail) {
      tell_();
    } else {
      send();
    }
  }
  void flush_() override {}

  /// What is still in the socket.
  void take_back() {
    std::string text;
    std::array<char, 4096> part;
    for (ssize_t count = 0;
         theirs_ && (count = ::recv(theirs_.get(), part.data(), part.size(), MSG_DONTWAIT)) > 0;)
      text.append(part.data(), static_cast<std::size_t>(count));
    held_.put_back(text);
  }

  Lines lines_;
  std::function<void()> tell_;
  Backlog held_;
  UniqueFd ours_;
  UniqueFd theirs_;  ///< kept open, for it has what nobody has taken
};

Stream::Stream(Lines lines, std::function<void()> held)
    : sender_(std::make_shared<Sender>(lines, std::move(held))) {}

Stream::~Stream() = default;

sinks::Sink Stream::sink() const {
  return sender_;
}
int Stream::open() {
  return sender_->open();
}
void Stream::send() {
  sender_->send();
}
void Stream::close() noexcept {
  sender_->close();
}
bool Stream::is_taken() const noexcept {
  return sender_->is_taken();
}
std::size_t Stream::lines_missing() const noexcept {
  return sender_->lines_missing();
}

void take_lines(int socket, const std::function<std::size_t(std::string_view)>& write) {
  std::array<char, 65536> text;
  for (;;) {
    // It stays in the socket until it is written.
    const ssize_t size = ::recv(socket, text.data(), text.size(), MSG_PEEK);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    const auto written = write({text.data(), static_cast<std::size_t>(size)});
    ::recv(socket, text.data(), written, 0);
  }
}

}  // namespace dboot::log
