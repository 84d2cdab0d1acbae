#include "tests/support/run.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include "shared/system/syscalls.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {

std::string run(const std::vector<std::string>& words) {
  const TemporaryDirectory directory;
  const std::string out = directory / "out";
  const std::string error = directory / "error";
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  constexpr int flags = O_WRONLY | O_CREAT;
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), flags, 0600);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, error.c_str(), flags, 0600);
  std::vector<std::string> copies = words;
  std::vector<char*> argv;
  for (auto& word : copies) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) sys::fail(failed, {"run ", words.front()});
  int status = 0;
  sys::check(::waitpid(child, &status, 0), "wait for ", words.front());
  std::string text = read_text(out);
  if (status != 0) {
    std::string command;
    for (const auto& word : words) command += word + " ";
    throw std::runtime_error(command + "has failed:\n" + text + read_text(error));
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace dboot
