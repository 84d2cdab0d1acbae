#include "shared/log/sinks.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace dboot::log::sinks {
namespace {

using Base = spdlog::sinks::base_sink<spdlog::details::null_mutex>;

std::string_view text_of(const spdlog::details::log_msg& message) {
  return {message.payload.data(), message.payload.size()};
}

/// Best effort: a log line that cannot be written is lost, the takeover goes on.
void write_line(int fd, std::string_view line) {
  while (!line.empty()) {
    const ssize_t count = ::write(fd, line.data(), line.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    line.remove_prefix(static_cast<std::size_t>(count));
  }
}

class Descriptor final : public Base {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  explicit Descriptor(UniqueFd fd) : owned_(std::move(fd)), fd_(owned_.get()) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    write_line(fd_, fmt::format("{}\n", text_of(message)));
  }
  void flush_() override {}

  UniqueFd owned_;
  int fd_;
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

/// What is not taken at once is kept: so much of it, then the oldest lines are dropped. As long as
/// something is kept, lines below info are left out, and how many is said afterwards: a slow
/// terminal must not hold up whoever waits for it to have shown the rest.
class Buffered final : public Base {
 public:
  Buffered(UniqueFd fd, std::string_view line_end, std::size_t most)
      : line_end_(line_end), most_(most) {
    reopen(std::move(fd));
  }
  void reopen(UniqueFd fd) {
    fd_ = std::move(fd);
    const int flags = ::fcntl(fd_.get(), F_GETFL);
    if (flags >= 0) ::fcntl(fd_.get(), F_SETFL, flags | O_NONBLOCK);
    write_backlog();
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (!backlog_.empty()) write_backlog();
    if (!backlog_.empty() && message.level < spdlog::level::info) {
      ++left_out_;
      return;
    }
    if (left_out_ != 0 && backlog_.empty()) {
      backlog_ += fmt::format("({} lines left out here){}", left_out_, line_end_);
      left_out_ = 0;
    }
    backlog_ += text_of(message);
    backlog_ += line_end_;
    write_backlog();
    if (backlog_.size() <= most_) return;
    const std::size_t line_end = backlog_.find('\n', backlog_.size() - most_);
    backlog_.erase(0, line_end == std::string::npos ? backlog_.size() : line_end + 1);
  }

  /// Waits up to a second in all for a slow reader.
  void flush_() override {
    for (int round = 0; round < 10 && !backlog_.empty(); ++round) {
      pollfd writable{fd_.get(), POLLOUT, 0};
      if (::poll(&writable, 1, 100) > 0) write_backlog();
    }
  }

  void write_backlog() {
    while (!backlog_.empty()) {
      const ssize_t count = ::write(fd_.get(), backlog_.data(), backlog_.size());
      if (count <= 0) return;
      backlog_.erase(0, static_cast<std::size_t>(count));
    }
  }

  std::string_view line_end_;
  std::size_t most_;
  UniqueFd fd_;
  std::string backlog_;
  std::size_t left_out_ = 0;
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
Sink console(UniqueFd fd) {
  constexpr std::size_t most = 64UL * 1024;
  return std::make_shared<Buffered>(std::move(fd), "\r\n", most);
}
void reopen_console(const Sink& console, UniqueFd fd) {
  static_cast<Buffered&>(*console).reopen(std::move(fd));
}
Sink pipe(UniqueFd fd) {
  constexpr std::size_t most = 1UL << 20U;
  return std::make_shared<Buffered>(std::move(fd), "\n", most);
}
Sink datagrams(UniqueFd socket) {
  return std::make_shared<Datagrams>(std::move(socket));
}

}  // namespace dboot::log::sinks
