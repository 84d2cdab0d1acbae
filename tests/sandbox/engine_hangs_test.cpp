#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "injector/clean_up_deadline.hpp"
#include "injector/engine/socket.hpp"
#include "injector/interruption.hpp"
#include "injector/report.hpp"
#include "shared/log/log.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/support/failure_of.hpp"
#include "tests/support/scripted_engine.hpp"

// Engines that do not answer at all. A wait that nothing ends is found by the timeout of the test.
namespace dboot {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// A socket at which nobody takes connections.
class IdleListener {
 public:
  explicit IdleListener(int backlog) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    fd_.reset(sys::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    sys::check(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    sys::check(::listen(fd_.get(), backlog), "listen");
  }
  std::string path() const { return directory_ / "engine.sock"; }

 private:
  TemporaryDirectory directory_;
  UniqueFd fd_;
};

TEST(EngineSocket, EngineThatSaysNothingCountsAsDead) {
  const IdleListener listener(1);
  image::EngineSocket socket(listener.path(), std::chrono::milliseconds(1));
  EXPECT_EQ(socket.peer(), ::getpid());
  char byte = 0;
  EXPECT_THAT(failure_of([&] { socket.read(&byte, 1); }), HasSubstr("silent for"));
}

TEST(EngineSocket, EngineThatTakesNoConnectionIsGivenUp) {
  const IdleListener listener(0);
  const image::EngineSocket first(listener.path());
  EXPECT_THAT(
      failure_of([&] { image::EngineSocket(listener.path(), std::chrono::milliseconds(1)); }),
      AllOf(HasSubstr(listener.path()), HasSubstr("taken no connection"), HasSubstr("restart it")));
}

TEST(EngineSocket, CleaningUpEndsWithItsDeadline) {
  const IdleListener listener(0);
  const std::chrono::milliseconds none(0);
  CleanUpDeadline deadline(std::chrono::hours(1), std::chrono::hours(1));
  image::EngineSocket first(listener.path(), deadline);
  deadline = CleanUpDeadline(none, none);
  char byte = 0;
  EXPECT_THAT(failure_of([&] { first.read(&byte, 1); }), HasSubstr("not done within"));
  EXPECT_THAT(failure_of([&] { image::EngineSocket(listener.path(), deadline); }),
              HasSubstr("not done within"));
}

/// What the child of a test has found.
struct Outcome {
  std::string failure;
  std::string log;
};

/// Unpacks an image of an engine in a process of its own, which gets a signal whenever the engine
/// is stuck.
class HangingEngine : public testing::Test {
 protected:
  Outcome unpack_with(ScriptedEngine::Answers answers, std::vector<std::string> stuck,
                      int refusals_to_delete = 0) {
    pid_t child = -1;
    ScriptedEngine engine(std::move(answers), std::move(stuck),
                          [&child] { ::kill(child, SIGTERM); });
    if (refusals_to_delete > 0) {
      engine.relent("DELETE ", refusals_to_delete + 1, ScriptedEngine::willing().at("DELETE "));
    }
    Pipe start;
    Pipe result;
    child = sys::check(::fork(), "fork");
    if (child == 0) {
      start.writer.reset();
      result.reader.reset();
      read_all(start.reader);
      report(engine.path(), result.writer);
      ::_exit(0);
    }
    result.writer.reset();
    start.writer.reset();
    const std::string text = read_all(result.reader);
    ::waitpid(child, nullptr, 0);
    requests = engine.stop();
    const auto end = text.find('\0');
    return {text.substr(0, end), end == std::string::npos ? "" : text.substr(end + 1)};
  }

  std::ptrdiff_t removals() const {
    return std::count_if(requests.begin(), requests.end(),
                         [](const auto& line) { return line.starts_with("DELETE "); });
  }

  std::vector<std::string> requests;

 private:
  struct Pipe {
    Pipe() {
      std::array<int, 2> ends{};
      sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
      reader.reset(ends[0]);
      writer.reset(ends[1]);
    }
    UniqueFd reader;
    UniqueFd writer;
  };

  static std::string read_all(const UniqueFd& fd) {
    std::string text;
    std::array<char, 4096> buffer;
    while (const auto count = sys::check(::read(fd.get(), buffer.data(), buffer.size()), "read")) {
      text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

  static void report(const std::string& socket_path, const UniqueFd& result) {
    interruption::catch_signals();
    testing::internal::CaptureStderr();
    report::begin(log::Level::info);
    std::string text = failure_of([&] { unpack_from(socket_path); });
    text += '\0' + testing::internal::GetCapturedStderr();
    sys::write_all(result.get(), text);
  }
};

TEST_F(HangingEngine, InterruptionEndsTheWaitForTheDescriptionOfAnImage) {
  auto answers = ScriptedEngine::willing();
  answers.erase("/images/");
  EXPECT_THAT(unpack_with(answers, {"/images/"}).failure, StartsWith("interrupted by SIGTERM"));
  EXPECT_EQ(removals(), 0);
}

TEST_F(HangingEngine, InterruptionEndsTheWaitForAStuckExport) {
  auto answers = ScriptedEngine::willing();
  answers["/export"] = chunked(root_filesystem().substr(0, 50'000));
  const Outcome outcome = unpack_with(answers, {"/export"});
  EXPECT_THAT(outcome.failure, StartsWith("interrupted by SIGTERM"));
  EXPECT_EQ(removals(), 1);
  EXPECT_THAT(outcome.log, Not(HasSubstr("a container may be left")));
}

TEST_F(HangingEngine, InterruptionEndsTheWaitForAContainerAndItIsRemoved) {
  auto answers = ScriptedEngine::willing();
  answers.erase("/containers/create");
  const Outcome outcome = unpack_with(answers, {"/containers/create"});
  EXPECT_THAT(outcome.failure, StartsWith("interrupted by SIGTERM"));
  EXPECT_THAT(requests.back(), StartsWith("DELETE /v1.41/containers/dboot-inject-"));
  EXPECT_THAT(outcome.log, Not(HasSubstr("a container may be left")));
}

TEST_F(HangingEngine, ContainerThatIsStillToComeIsRemovedWhenItIsThere) {
  auto answers = ScriptedEngine::willing();
  answers.erase("/containers/create");
  answers["DELETE "] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  const Outcome outcome = unpack_with(answers, {"/containers/create"}, 2);
  EXPECT_THAT(outcome.failure, StartsWith("interrupted by SIGTERM"));
  EXPECT_EQ(removals(), 3);
  EXPECT_THAT(outcome.log, Not(HasSubstr("a container may be left")));
}

TEST_F(HangingEngine, SecondInterruptionEndsTheRemovalAndTheContainerIsNamed) {
  auto answers = ScriptedEngine::willing();
  answers["/export"] = chunked(root_filesystem().substr(0, 50'000));
  answers.erase("DELETE ");
  const Outcome outcome = unpack_with(answers, {"/export", "DELETE "});
  EXPECT_THAT(outcome.failure, StartsWith("interrupted by SIGTERM"));
  EXPECT_EQ(removals(), 1);
  EXPECT_THAT(outcome.log,
              AllOf(HasSubstr("a container may be left in the engine engine=\"the engine at"),
                    HasSubstr("docker rm -f dboot-inject-"), HasSubstr("interrupted while")));
}

}  // namespace
}  // namespace dboot
