#pragma once

#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "shared/system/unique_fd.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {

/// An engine that says what the test tells it to.
class ScriptedEngine {
 public:
  using Answers = std::map<std::string, std::string>;

  /// `answers`: what is sent when the first line of a request contains the key; then the connection
  /// is closed. Those in which one of `stuck` is found stay open instead, and `when_stuck` is
  /// called.
  explicit ScriptedEngine(Answers answers, std::vector<std::string> stuck = {},
                          std::function<void()> when_stuck = {});
  ~ScriptedEngine();
  ScriptedEngine(const ScriptedEngine&) = delete;
  ScriptedEngine& operator=(const ScriptedEngine&) = delete;

  std::string path() const { return directory_ / "engine.sock"; }
  /// Ends the service; the first lines of all requests, in their order.
  const std::vector<std::string>& stop();
  /// From the `nth` request of that kind on, which must be to come, there is another answer.
  void relent(const std::string& part, int nth, const std::string& answer);

  static std::string ok(const std::string& body);
  /// The answers of one that has every image, and makes and removes containers.
  static Answers willing();

 private:
  void serve();
  void answer(UniqueFd peer, const std::string& line);

  struct Relenting {
    std::string part;
    int countdown = 0;
    std::string answer;
  };

  TemporaryDirectory directory_;
  UniqueFd listener_;
  Answers answers_;
  Relenting relenting_;
  std::vector<std::string> stuck_;
  std::function<void()> when_stuck_;
  std::vector<UniqueFd> held_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

/// A root filesystem's archive, of three megabytes.
std::string root_filesystem();

/// An answer that has begun to be a stream.
std::string chunked(const std::string& body);

/// Unpacks image x of the engine there. Throws Failure.
void unpack_from(const std::string& socket_path);

}  // namespace dboot
