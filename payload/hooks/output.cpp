#include "payload/hooks/output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

constexpr std::size_t longest_line = 4096;
constexpr std::size_t most = std::size_t{1} << 20U;

}  // namespace

/// Shared with the handler, which may be queued when the object goes.
struct Output::State {
  State(const boost::asio::any_io_executor& executor, Log& to, UniqueFd pipe)
      : log(to), descriptor(executor, pipe.release()) {}

  /// What there is now, 64 KiB at most. False when there is nothing.
  bool read() {
    std::array<char, std::size_t{1} << 16U> bytes;
    const ssize_t count = ::read(descriptor.native_handle(), bytes.data(), bytes.size());
    ended = count == 0;
    if (count <= 0) return false;
    take({bytes.data(), static_cast<std::size_t>(count)});
    return true;
  }

  void take(std::string_view bytes) {
    for (const char byte : bytes) {
      if (byte == '\n' || line.size() == longest_line) write();
      if (byte != '\n') line += byte;
    }
  }

  void write() {
    constexpr std::size_t around_it = 64;  // time, phase and message
    written += line.size() + around_it;
    if (written <= most) {
      log.info("output", {{"text", line}});
    } else if (!cut) {
      cut = true;
      log.warning("more output is left out");
    }
    line.clear();
  }

  Log& log;
  boost::asio::posix::stream_descriptor descriptor;
  std::string line;
  std::size_t written = 0;
  bool cut = false;
  bool ended = false;
};

Output::Output(const boost::asio::any_io_executor& executor, Log& log, UniqueFd pipe) {
  sys::check(::fcntl(pipe.get(), F_SETFL, O_NONBLOCK), "read without waiting");
  state_ = std::make_shared<State>(executor, log, std::move(pipe));
  listen(state_);
}

Output::~Output() {
  state_->descriptor.close();
}

void Output::listen(const std::shared_ptr<State>& state) {
  using Descriptor = boost::asio::posix::stream_descriptor;
  const std::weak_ptr<State> lives = state;
  state->descriptor.async_wait(Descriptor::wait_read, [lives](const auto& cancelled) {
    const auto there = lives.lock();
    if (cancelled || !there) return;
    there->read();
    if (!there->ended) listen(there);
  });
}

void Output::finish() {
  // As much as a pipe holds: who goes on writing is not waited for.
  for (int parts = 0; parts < 16 && state_->read(); ++parts) {
  }
  if (!state_->line.empty()) state_->write();
}

}  // namespace dboot
