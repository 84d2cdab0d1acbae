#include "shared/log/sinks.hpp"

#include <fmt/format.h>
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
Sink datagrams(UniqueFd socket) {
  return std::make_shared<Datagrams>(std::move(socket));
}

}  // namespace dboot::log::sinks
