#include "payload/children/program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "payload/children/credentials.hpp"
#include "payload/children/fork.hpp"
#include "payload/children/patience.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// From a disk that may be slow, or not answer at all.
constexpr std::chrono::seconds to_start{20};

/// What a child says right before execve(2), whose success closes the pipe. Else it is an errno.
constexpr int executes = 0;

void say(int pipe, int word) {
  [[maybe_unused]] const auto written = ::write(pipe, &word, sizeof word);
}

[[noreturn]] void be_child(const Program& program, const std::vector<UniqueFd>& stdio,
                           char* const* argv, char* const* envp, int pipe) {
  ::setsid();
  for (std::size_t number = 0; number < stdio.size(); ++number)
    ::dup2(stdio[number].get(), static_cast<int>(number));
  // 1: even when another session still has it.
  if (::isatty(STDIN_FILENO) == 1) ::ioctl(STDIN_FILENO, TIOCSCTTY, 1);
  give_terminals(std::array{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, program.credentials);
  if (program.kind == Children::Kind::companion) ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  apply(program.limits);
  if ((program.root == "/" || ::chroot(program.root.c_str()) == 0) &&
      ::chdir(program.working_directory.c_str()) == 0 && become(program.credentials)) {
    say(pipe, executes);
    ::execve(program.executable.c_str(), argv, envp);
  }
  say(pipe, errno);
  ::_exit(1);
}

}  // namespace

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> with_terminal_type(std::vector<std::string> environment,
                                            const std::string& type) {
  const auto is_type = [](const std::string& entry) { return entry.starts_with("TERM="); };
  if (std::none_of(environment.begin(), environment.end(), is_type))
    environment.push_back("TERM=" + type);
  return environment;
}

namespace {

/// 0 when the program was executed, else why it was not (errno).
Task<int> wait_for_execve(Patience& pipe) {
  for (bool reached = false;;) {
    auto waiting = pipe.wait(to_start);
    if (!co_await std::move(waiting)) co_return ETIMEDOUT;
    int word = executes;
    const bool said = ::read(pipe.fd(), &word, sizeof word) == sizeof word;
    // Without having reached it, the child was killed: memory is short.
    if (!said) co_return reached ? 0 : ECANCELED;
    if (word != executes) co_return word;
    reached = true;
  }
}

/// A process between fork and execve: its end is told only when it has become the program.
struct Beginning {
  explicit Beginning(Children::Ended to_tell) : ended(std::move(to_tell)) {}

  void end(int with) {
    status = with;
    if (is_executed && ended) ended(with);
  }
  void execute() {
    is_executed = true;
    if (status) end(*status);
  }

  Children::Ended ended;
  std::optional<int> status;
  bool is_executed = false;
};

}  // namespace

Task<pid_t> start_program(Children& children, Program program, std::vector<UniqueFd> stdio,
                          Children::Ended ended) {
  std::array<int, 2> ends{};
  sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
  UniqueFd write_end(ends[1]);
  // What can fail comes before the child is there.
  Patience pipe(co_await boost::asio::this_coro::executor, UniqueFd(ends[0]));
  const auto argv = pointers_to(program.arguments);
  const auto envp = pointers_to(program.environment);
  const auto beginning = std::make_shared<Beginning>(std::move(ended));
  auto starting = fork_patiently([&] {
    std::vector<int> keep{write_end.get()};
    for (const auto& fd : stdio) keep.push_back(fd.get());
    const pid_t child = fork_child(program.executable, std::move(keep), [&] {
      be_child(program, stdio, argv.data(), envp.data(), write_end.get());
    });
    children.add(child, program.kind, [beginning](int status) { beginning->end(status); });
    return child;
  });
  const pid_t pid = co_await std::move(starting);
  write_end.reset();
  stdio.clear();
  auto executing = wait_for_execve(pipe);
  const int error = co_await std::move(executing);
  if (error == 0) {
    beginning->execute();
    co_return pid;
  }
  if (error == ETIMEDOUT && children.contains(pid)) ::kill(pid, SIGKILL);
  children.forget(pid);
  sys::fail(error, {"start ", program.executable, " in ", program.working_directory});
}

}  // namespace dboot
