#include "shared/log/sinks.hpp"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <poll.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "shared/log/backlog.hpp"

namespace dboot::log::sinks {
namespace {

using Base = spdlog::sinks::base_sink<spdlog::details::null_mutex>;

std::string_view text_of(const spdlog::details::log_msg& message) {
  return {message.payload.data(), message.payload.size()};
}

/// Best effort: a log line that cannot be written is lost, the takeover goes on. The number of
/// bytes that were.
std::size_t write_line(int fd, std::string_view line) {
  std::size_t written = 0;
  while (written < line.size()) {
    const ssize_t count = ::write(fd, line.data() + written, line.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    written += static_cast<std::size_t>(count);
  }
  return written;
}

class Descriptor final : public Base {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  explicit Descriptor(UniqueFd fd) : owned_(std::move(fd)), fd_(owned_.get()) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    // A full disk may have taken a part of the line before.
    const auto line = fmt::format("{}{}\n", torn_ ? "\n" : "", text_of(message));
    const auto written = write_line(fd_, line);
    if (written != 0) torn_ = written < line.size();
  }
  void flush_() override {}

  UniqueFd owned_;
  int fd_;
  bool torn_ = false;
};

class Memory final : public Base {
 public:
  explicit Memory(std::string& text) : text_(text) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    text_ += text_of(message);
    text_ += '\n';
  }
  void flush_() override {}

  std::string& text_;
};

class Kmsg final : public Base {
 public:
  explicit Kmsg(UniqueFd fd) : fd_(std::move(fd)) {}

 private:
  static int priority(spdlog::level::level_enum level) {
    switch (level) {
      case spdlog::level::err:
      case spdlog::level::critical:
        return LOG_ERR;
      case spdlog::level::warn:
        return LOG_WARNING;
      case spdlog::level::info:
        return LOG_INFO;
      default:
        return LOG_DEBUG;
    }
  }

  void sink_it_(const spdlog::details::log_msg& message) override {
    // The kernel takes 1024 bytes less its own prefix per record and refuses longer ones whole.
    constexpr std::size_t longest = 900;
    // Without the newline a record stays open for a continuation until the next one comes, and the
    // consoles get it only then (kernel/printk: LOG_NEWLINE).
    write_line(fd_.get(), fmt::format("<{}>dboot: {}\n", LOG_DAEMON | priority(message.level),
                                      text_of(message).substr(0, longest)));
  }
  void flush_() override {}

  UniqueFd fd_;
};

class Stream final : public Base {
 public:
  Stream(UniqueFd socket, std::string_view line_end, Behind behind, std::function<void()> held)
      : socket_(std::move(socket)),
        behind_(behind),
        tell_(std::move(held)),
        held_(most_held, line_end) {}

  void reopen(UniqueFd socket) {
    socket_ = std::move(socket);
    send_held();
  }
  std::size_t lines_held() const noexcept { return held_.size(); }

  void send_held() {
    while (!held_.empty()) {
      const auto text = held_.front();
      const ssize_t count =
          ::send(socket_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) tell_();
      if (count <= 0) return;
      held_.take(static_cast<std::size_t>(count));
    }
  }

 private:
  static constexpr std::size_t most_held = 1UL << 20U;

  bool are_many() const noexcept {
    constexpr std::size_t most = 4096;
    return held_.bytes() > most;
  }

  void sink_it_(const spdlog::details::log_msg& message) override {
    const bool is_detail = message.level < spdlog::level::info;
    if (are_many()) send_held();
    if (is_detail && are_many() && behind_ == Behind::leave_out_details) {
      held_.leave_out(text_of(message));
    } else {
      held_.add(text_of(message));
    }
    if (is_detail) {
      tell_();
    } else {
      send_held();
    }
  }

  void flush_() override {
    constexpr int rounds = 200;
    constexpr int pause_ms = 5;
    send_held();
    for (int round = 0; round < rounds && !is_drained() && !has_lost_reader(); ++round) {
      ::poll(nullptr, 0, pause_ms);
      send_held();
    }
  }

  /// unix(7): SIOCOUTQ is what the other end has not received yet.
  bool is_drained() const noexcept {
    int waiting = 0;
    return held_.empty() && ::ioctl(socket_.get(), SIOCOUTQ, &waiting) == 0 && waiting == 0;
  }

  bool has_lost_reader() const noexcept {
    pollfd reader{socket_.get(), 0, 0};
    return ::poll(&reader, 1, 0) > 0 && (reader.revents & (POLLHUP | POLLERR)) != 0;
  }

  UniqueFd socket_;
  Behind behind_;
  std::function<void()> tell_;
  Backlog held_;
};

/// Lost where nobody takes it, as any datagram.
class Datagrams final : public Base {
 public:
  explicit Datagrams(UniqueFd socket) : socket_(std::move(socket)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const auto line = fmt::format("{}\n", text_of(message));
    // The answer to an earlier one, that nobody listens, is the result of the next.
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (::send(socket_.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
          errno != ECONNREFUSED)
        return;
    }
  }
  void flush_() override {}

  UniqueFd socket_;
};

}  // namespace

Sink descriptor(int fd) {
  return std::make_shared<Descriptor>(fd);
}
Sink file(UniqueFd fd) {
  return std::make_shared<Descriptor>(std::move(fd));
}
Sink memory(std::string& text) {
  return std::make_shared<Memory>(text);
}
Sink kmsg(UniqueFd fd) {
  return std::make_shared<Kmsg>(std::move(fd));
}
Sink stream(UniqueFd socket, std::string_view line_end, Behind behind, std::function<void()> held) {
  return std::make_shared<Stream>(std::move(socket), line_end, behind, std::move(held));
}
void send_held(const Sink& stream) {
  static_cast<Stream&>(*stream).send_held();
}
void reopen_stream(const Sink& stream, UniqueFd socket) {
  static_cast<Stream&>(*stream).reopen(std::move(socket));
}
std::size_t lines_held(const Sink& stream) {
  return static_cast<const Stream&>(*stream).lines_held();
}
Sink datagrams(UniqueFd socket) {
  return std::make_shared<Datagrams>(std::move(socket));
}

}  // namespace dboot::log::sinks
