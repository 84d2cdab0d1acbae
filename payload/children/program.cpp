#include "payload/children/program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "payload/children/credentials.hpp"
#include "payload/children/fork.hpp"
#include "payload/children/patience.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// From a disk that may be slow, or not answer at all.
constexpr std::chrono::seconds to_start{20};

[[noreturn]] void be_child(Program& program, const std::vector<UniqueFd>& stdio, int failure) {
  ::setsid();
  for (std::size_t number = 0; number < stdio.size(); ++number)
    ::dup2(stdio[number].get(), static_cast<int>(number));
  // 1: even when another session still has it.
  if (::isatty(STDIN_FILENO) == 1) ::ioctl(STDIN_FILENO, TIOCSCTTY, 1);
  give_terminals(std::array{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, program.credentials);
  if (program.kind == Children::Kind::companion) ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  apply(program.limits);
  auto argv = pointers_to(program.arguments);
  auto envp = pointers_to(program.environment);
  if ((program.root == "/" || ::chroot(program.root.c_str()) == 0) &&
      ::chdir(program.working_directory.c_str()) == 0 && become(program.credentials)) {
    ::execve(program.executable.c_str(), argv.data(), envp.data());
  }
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(failure, &error, sizeof error);
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

Task<pid_t> start_program(Children& children, Program program, std::vector<UniqueFd> stdio,
                          Children::Ended ended) {
  std::array<int, 2> ends{};
  sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  auto starting = fork_patiently([&] {
    std::vector<int> keep{write_end.get()};
    for (const auto& fd : stdio) keep.push_back(fd.get());
    const pid_t child = fork_child(program.executable, std::move(keep),
                                   [&] { be_child(program, stdio, write_end.get()); });
    children.add(child, program.kind, std::move(ended));
    return child;
  });
  const pid_t pid = co_await std::move(starting);
  write_end.reset();
  stdio.clear();
  Patience outcome(co_await boost::asio::this_coro::executor, std::move(read_end));
  auto waiting = outcome.wait(to_start);
  int error = 0;
  if (!co_await std::move(waiting)) {
    error = ETIMEDOUT;
    if (children.contains(pid)) ::kill(pid, SIGKILL);
  } else if (::read(outcome.fd(), &error, sizeof error) != sizeof error) {
    co_return pid;  // execve has closed the other end
  }
  children.forget(pid);
  sys::fail(error, {"start ", program.executable, " in ", program.working_directory});
}

}  // namespace dboot
