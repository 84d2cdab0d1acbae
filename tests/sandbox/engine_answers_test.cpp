#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>

#include "injector/engine/client.hpp"
#include "injector/open_image.hpp"
#include "tests/support/failure_of.hpp"
#include "tests/support/scripted_engine.hpp"
#include "tests/support/tar_builder.hpp"

// Engines that do not answer as they should.
namespace dboot {
namespace {

using testing::AllOf;
using testing::HasSubstr;

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

/// For who types.
TEST(ScriptedEngine, NamesOfItsImagesAreListed) {
  const std::string images =
      R"([{"RepoTags":["debian:12","debian:latest"]},{"RepoTags":null},{"RepoTags":["a/b:1"]}])";
  ScriptedEngine engine({{"/images/json", ScriptedEngine::ok(images)}});
  EXPECT_THAT(image::image_names(engine.path()),
              testing::ElementsAre("debian:12", "debian:latest", "a/b:1"));
}

TEST(ScriptedEngine, ExportThatBreaksOffIsAFailureAndTheContainerGoes) {
  auto answers = ScriptedEngine::willing();
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
  auto answers = ScriptedEngine::willing();
  TarBuilder tar;
  tar.file("one", "1").file("two", "2");
  answers["/export"] = chunked(tar.finish().substr(0, 1024));
  ScriptedEngine engine(answers);
  EXPECT_THAT(failure_of([&] { unpack_from(engine.path()); }), HasSubstr("closed the connection"));
}

TEST(ScriptedEngine, WholeExportOfAnEngineWithoutVersionIsTaken) {
  auto answers = ScriptedEngine::willing();
  answers["/_ping"] = ScriptedEngine::ok("OK");
  answers["/export"] = chunked(root_filesystem()) + "0\r\n\r\n";
  ScriptedEngine engine(answers);
  EXPECT_EQ(failure_of([&] { unpack_from(engine.path()); }), "no failure");
  EXPECT_THAT(engine.stop()[1], testing::StartsWith("GET /images/x/json"));
}

TEST(ScriptedEngine, RemovalThatIsRefusedAtFirstIsTriedAgain) {
  auto answers = ScriptedEngine::willing();
  answers["/export"] = chunked(root_filesystem()) + "0\r\n\r\n";
  answers["DELETE "] = "HTTP/1.1 500 Busy\r\nContent-Length: 18\r\n\r\n{\"message\":\"busy\"}";
  ScriptedEngine engine(answers);
  engine.relent("DELETE ", 3, ScriptedEngine::willing().at("DELETE "));
  EXPECT_EQ(failure_of([&] { unpack_from(engine.path()); }), "no failure");
  const auto& requests = engine.stop();
  EXPECT_EQ(std::count_if(requests.begin(), requests.end(),
                          [](const auto& line) { return line.starts_with("DELETE "); }),
            3);
}

TEST(ScriptedEngine, ErrorsAreShownInItsWords) {
  auto answers = ScriptedEngine::willing();
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
    auto answers = ScriptedEngine::willing();
    answers["/images/"] = nonsense;
    ScriptedEngine engine(answers);
    EXPECT_NE(failure_of([&] { unpack_from(engine.path()); }), "no failure") << nonsense;
  }
}

ScriptedEngine::Answers pulling_engine(const std::string& words) {
  auto answers = ScriptedEngine::willing();
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
