#include "tests/support/scripted_engine.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "injector/open_image.hpp"
#include "injector/staging.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/support/tar_builder.hpp"

namespace dboot {

ScriptedEngine::ScriptedEngine(Answers answers, std::vector<std::string> stuck,
                               std::function<void()> when_stuck)
    : answers_(std::move(answers)), stuck_(std::move(stuck)), when_stuck_(std::move(when_stuck)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path().copy(address.sun_path, sizeof address.sun_path - 1);
  listener_.reset(sys::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sys::check(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
             "bind");
  sys::check(::listen(listener_.get(), 8), "listen");
  thread_ = std::thread([this] { serve(); });
}

ScriptedEngine::~ScriptedEngine() {
  stop();
}

const std::vector<std::string>& ScriptedEngine::stop() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  if (thread_.joinable()) thread_.join();
  return requests_;
}

void ScriptedEngine::relent(const std::string& part, int nth, const std::string& answer) {
  relenting_ = {part, nth, answer};
}

std::string ScriptedEngine::ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

ScriptedEngine::Answers ScriptedEngine::willing() {
  return {
      {"/_ping", "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK"},
      {"/images/", ok(R"({"Id":"sha256:1","Size":5,"Config":null})")},
      {"/containers/create", "HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n{\"Id\":\"1\"}"},
      {"DELETE ", "HTTP/1.1 204 No Content\r\n\r\n"},
  };
}

void ScriptedEngine::serve() {
  for (;;) {
    UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer) return;
    std::string request;
    std::array<char, 4096> buffer;
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t count = ::read(peer.get(), buffer.data(), buffer.size());
      if (count <= 0) break;
      request.append(buffer.data(), static_cast<std::size_t>(count));
    }
    requests_.push_back(request.substr(0, request.find("\r\n")));
    answer(std::move(peer), requests_.back());
  }
}

void ScriptedEngine::answer(UniqueFd peer, const std::string& line) {
  const auto is_in_line = [&](const std::string& part) {
    return line.find(part) != std::string::npos;
  };
  if (is_in_line(relenting_.part) && --relenting_.countdown == 0) {
    answers_[relenting_.part] = relenting_.answer;
  }
  for (const auto& [part, text] : answers_) {
    if (!is_in_line(part)) continue;
    ::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL);
    break;
  }
  if (std::none_of(stuck_.begin(), stuck_.end(), is_in_line)) return;
  held_.push_back(std::move(peer));
  when_stuck_();
}

std::string root_filesystem() {
  return TarBuilder().directory("bin").file("bin/sh", std::string(3'000'000, 'x'), 0755).finish();
}

std::string chunked(const std::string& body) {
  std::array<char, 32> size;
  std::snprintf(size.data(), size.size(), "%zx\r\n", body.size());
  return std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") + size.data() + body +
         "\r\n";
}

void unpack_from(const std::string& socket_path) {
  const TemporaryDirectory root;
  const auto source = image::open("x", {socket_path});
  Progress progress(0);
  source->unpack(open_directory(root.path()).get(), progress);
}

}  // namespace dboot
