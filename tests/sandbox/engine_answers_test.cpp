#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <map>
#include <thread>

#include "injector/image/engine_socket.hpp"
#include "injector/image/source.hpp"
#include "injector/interruption.hpp"
#include "injector/staging.hpp"
#include "tests/support/failure_of.hpp"
#include "tests/support/tar_builder.hpp"
#include "tests/support/temporary_directory.hpp"

// Engines that do not answer as they should.
namespace dboot {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string root_filesystem() {
  return TarBuilder().directory("bin").file("bin/sh", std::string(3'000'000, 'x'), 0755).finish();
}

TEST(EngineNotRunning, IsSaidWithTheSocketAndTheMend) {
  const TemporaryDirectory directory;
  const std::string path = directory / "docker.sock";
  const auto open = [&] { image::open("ubuntu", {path}); };
  EXPECT_THAT(failure_of(open), AllOf(HasSubstr(path), HasSubstr("No such file"),
                                      HasSubstr("systemctl start docker"), HasSubstr("--host")));
  {
    const UniqueFd left_behind(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(left_behind.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_THAT(failure_of(open), HasSubstr("refused"));
}

TEST(EngineSocket, EngineThatSaysNothingCountsAsDead) {
  const TemporaryDirectory directory;
  const std::string path = directory / "docker.sock";
  const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  image::EngineSocket socket(path, image::EngineSocket::Waiting::interruptible,
                             std::chrono::milliseconds(1));
  EXPECT_EQ(socket.peer(), ::getpid());
  char byte = 0;
  EXPECT_THAT(failure_of([&] { socket.read(&byte, 1); }), HasSubstr("silent for"));
}

/// An engine that says what the test tells it to.
class ScriptedEngine {
 public:
  using Answers = std::map<std::string, std::string>;

  /// `answers`: what is sent when the first line of a request contains the key; then the connection
  /// is closed. The one that `stuck` is found in stays open instead, and `when_stuck` is called.
  explicit ScriptedEngine(Answers answers, std::string stuck = {},
                          std::function<void()> when_stuck = {})
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
  ~ScriptedEngine() { stop(); }

  std::string path() const { return directory_ / "engine.sock"; }
  /// Ends the service; the first lines of all requests, in their order.
  const std::vector<std::string>& stop() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    return requests_;
  }
  /// From the `nth` request of that kind on, which must be to come, there is another answer.
  void relent(const std::string& part, int nth, const std::string& answer) {
    relenting_ = {part, nth, answer};
  }
  static std::string ok(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  void serve() {
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
      const std::string line = request.substr(0, request.find("\r\n"));
      requests_.push_back(line);
      if (line.find(relenting_.part) != std::string::npos && --relenting_.countdown == 0) {
        answers_[relenting_.part] = relenting_.answer;
      }
      for (const auto& [part, answer] : answers_) {
        if (line.find(part) == std::string::npos) continue;
        ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        break;
      }
      if (stuck_.empty() || line.find(stuck_) == std::string::npos) continue;
      held_ = std::move(peer);
      when_stuck_();
    }
  }

  struct Relenting {
    std::string part;
    int countdown = 0;
    std::string answer;
  };

  TemporaryDirectory directory_;
  UniqueFd listener_;
  Answers answers_;
  Relenting relenting_;
  std::string stuck_;
  std::function<void()> when_stuck_;
  UniqueFd held_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

ScriptedEngine::Answers willing_engine() {
  return {
      {"/_ping", "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK"},
      {"/images/", ScriptedEngine::ok(R"({"Id":"sha256:1","Size":5,"Config":null})")},
      {"/containers/create", "HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n{\"Id\":\"1\"}"},
      {"DELETE ", "HTTP/1.1 204 No Content\r\n\r\n"},
  };
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

TEST(ScriptedEngine, ExportThatBreaksOffIsAFailureAndTheContainerGoes) {
  auto answers = willing_engine();
  answers["/export"] = chunked(root_filesystem().substr(0, 50'000));
  ScriptedEngine engine(answers);
  EXPECT_THAT(failure_of([&] { unpack_from(engine.path()); }),
              AllOf(HasSubstr("closed the connection in the middle"), HasSubstr("engine's log")));
  const auto& requests = engine.stop();
  ASSERT_FALSE(requests.empty());
  EXPECT_THAT(requests.back(),
              testing::MatchesRegex("DELETE /v1.41/containers/dboot-inject-.*force=true&v=true.*"));
}

TEST(ScriptedEngine, ExportThatBreaksOffBetweenTwoEntriesIsAFailure) {
  auto answers = willing_engine();
  TarBuilder tar;
  tar.file("one", "1").file("two", "2");
  answers["/export"] = chunked(tar.finish().substr(0, 1024));
  ScriptedEngine engine(answers);
  EXPECT_THAT(failure_of([&] { unpack_from(engine.path()); }), HasSubstr("closed the connection"));
}

TEST(ScriptedEngine, WholeExportOfAnEngineWithoutVersionIsTaken) {
  auto answers = willing_engine();
  answers["/_ping"] = ScriptedEngine::ok("OK");
  answers["/export"] = chunked(root_filesystem()) + "0\r\n\r\n";
  ScriptedEngine engine(answers);
  EXPECT_EQ(failure_of([&] { unpack_from(engine.path()); }), "no failure");
  EXPECT_THAT(engine.stop()[1], testing::StartsWith("GET /images/x/json"));
}

TEST(ScriptedEngine, RemovalThatIsRefusedAtFirstIsTriedAgain) {
  auto answers = willing_engine();
  answers["/export"] = chunked(root_filesystem()) + "0\r\n\r\n";
  answers["DELETE "] = "HTTP/1.1 500 Busy\r\nContent-Length: 18\r\n\r\n{\"message\":\"busy\"}";
  ScriptedEngine engine(answers);
  engine.relent("DELETE ", 3, willing_engine().at("DELETE "));
  EXPECT_EQ(failure_of([&] { unpack_from(engine.path()); }), "no failure");
  const auto& requests = engine.stop();
  EXPECT_EQ(std::count_if(requests.begin(), requests.end(),
                          [](const auto& line) { return line.starts_with("DELETE "); }),
            3);
}

TEST(ScriptedEngine, ErrorsAreShownInItsWords) {
  auto answers = willing_engine();
  answers["/export"] =
      "HTTP/1.1 500 Error\r\nContent-Length: 29\r\n\r\n{\"message\":\"no space at all\"}\n";
  ScriptedEngine engine(answers);
  EXPECT_THAT(failure_of([&] { unpack_from(engine.path()); }), HasSubstr("no space at all"));
}

TEST(ScriptedEngine, NonsenseIsAFailure) {
  for (const std::string& nonsense :
       {std::string("SSH-2.0-OpenSSH_9.2\r\n"), std::string(), ScriptedEngine::ok("<html>"),
        ScriptedEngine::ok("[]"), ScriptedEngine::ok(R"({"Id":7})"),
        ScriptedEngine::ok(std::string(5000, '['))}) {
    auto answers = willing_engine();
    answers["/images/"] = nonsense;
    ScriptedEngine engine(answers);
    EXPECT_NE(failure_of([&] { unpack_from(engine.path()); }), "no failure") << nonsense;
  }
}

TEST(ScriptedEngine, InterruptionEndsTheWaitForAStuckExport) {
  auto answers = willing_engine();
  answers["/export"] = chunked(root_filesystem().substr(0, 50'000));
  pid_t child = -1;
  ScriptedEngine engine(answers, "/export", [&child] { ::kill(child, SIGTERM); });
  std::array<int, 2> start{};
  ASSERT_EQ(::pipe(start.data()), 0);
  const UniqueFd started(start[0]);
  UniqueFd starter(start[1]);
  child = ::fork();
  if (child == 0) {
    starter.reset();
    std::array<char, 1> byte;
    [[maybe_unused]] const ssize_t end = ::read(started.get(), byte.data(), byte.size());
    interruption::catch_signals();
    const std::string what = failure_of([&] { unpack_from(engine.path()); });
    ::_exit(what.starts_with("interrupted by SIGTERM") ? 0 : 1);
  }
  starter.reset();
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_THAT(engine.stop().back(), testing::StartsWith("DELETE "));
}

ScriptedEngine::Answers pulling_engine(const std::string& words) {
  auto answers = willing_engine();
  answers.erase("/images/");
  answers["/images/x/"] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  answers["/images/create"] = "HTTP/1.1 200 OK\r\n\r\n" + words;
  return answers;
}

TEST(ScriptedEngine, ErrorInTheMiddleOfAPullIsAFailure) {
  ScriptedEngine engine(pulling_engine(
      "{\"status\":\"Pulling\"}\r\n{\"errorDetail\":{\"message\":\"disk full\"}}\r\n"));
  EXPECT_THAT(failure_of([&] { unpack_from(engine.path()); }),
              AllOf(HasSubstr("cannot fetch x: disk full")));
  EXPECT_THAT(engine.stop().back(),
              testing::StartsWith("POST /v1.41/images/create?fromImage=x&tag=latest"));
}

TEST(ScriptedEngine, NonsenseInsteadOfAPullIsAFailure) {
  for (const char* words : {"<html>\n", "[]\n", "{\"status\":[]}\n", "7", ""}) {
    ScriptedEngine engine(pulling_engine(words));
    EXPECT_NE(failure_of([&] { unpack_from(engine.path()); }), "no failure") << words;
  }
}

}  // namespace
}  // namespace dboot
