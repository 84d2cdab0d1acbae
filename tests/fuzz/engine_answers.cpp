#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <thread>

#include "injector/document/json.hpp"
#include "injector/engine/client.hpp"
#include "injector/engine/pull.hpp"
#include "injector/failure.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/support/temporary_directory.hpp"

namespace {

using namespace dboot;

/// An engine whose every answer is the input, but for the first one.
class Engine {
 public:
  Engine() : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    sys::check(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
               "bind");
    sys::check(::listen(listener_.get(), 8), "listen");
    thread_ = std::thread([this] { serve(); });
  }
  ~Engine() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  std::string path() const { return directory_ / "engine.sock"; }
  void answer_with(std::string_view answer) {
    const std::lock_guard lock(mutex_);
    answer_ = answer;
  }

 private:
  void serve() {
    for (;;) {
      const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer) return;
      std::string request;
      std::array<char, 4096> buffer{};
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t count = ::read(peer.get(), buffer.data(), buffer.size());
        if (count <= 0) break;
        request.append(buffer.data(), static_cast<std::size_t>(count));
      }
      const std::lock_guard lock(mutex_);
      const std::string answer = request.starts_with("GET /_ping")
                                     ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                                     : answer_;
      ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }

  TemporaryDirectory directory_;
  UniqueFd listener_;
  std::mutex mutex_;
  std::string answer_;
  std::thread thread_;
};

template <class Call>
void attempt(Call call) {
  try {
    call();
  } catch (const Failure&) {
  }
}

}  // namespace

/// What an engine says while it pulls; nothing in it steers a terminal.
void show_pull(std::string_view text) {
  image::PullDisplay lines(0);
  image::PullDisplay bars(40);
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    try {
      const auto event = image::parse_pull_event(line);
      const std::string shown = lines.text_of(event);
      fuzz::require(std::none_of(shown.begin(), shown.end(), [](unsigned char byte) {
        return (byte < ' ' && byte != '\n') || byte == 0x7f;
      }));
      bars.text_of(event);
    } catch (const image::BadDocument&) {
    }
  }
}

/// HTTP and JSON of an engine, or of whatever listens there.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Engine engine;
  engine.answer_with(fuzz::text_of(data, size));
  const image::EngineClient client(engine.path());
  attempt([&] { client.find_image("x"); });
  attempt([&] { client.create_container("x", "y", "/"); });
  attempt([&] {
    const auto stream = client.export_container("x");
    while (!stream->next().empty()) {
    }
  });
  attempt([&] {
    const auto stream = client.pull_image("x", "latest", "", "");
    while (!stream->next().empty()) {
    }
  });
  show_pull(fuzz::text_of(data, size));
  return 0;
}
