#include "tests/support/docker_registry.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <stdexcept>

#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

constexpr const char* program = "/usr/bin/docker-registry";

/// What it writes until it says where it listens, or ends.
std::string read_address(int log) {
  const std::string key = "listening on ";
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    pollfd poll{log, POLLIN, 0};
    if (::poll(&poll, 1, 20'000) <= 0) throw std::runtime_error("the registry hangs: " + text);
    const auto count = sys::check(::read(log, buffer.data(), buffer.size()), "read");
    if (count == 0) throw std::runtime_error("the registry ended: " + text);
    text.append(buffer.data(), static_cast<std::size_t>(count));
    const auto at = text.find(key);
    const auto end = at == std::string::npos ? at : text.find_first_of("\" \n", at + key.size());
    if (end != std::string::npos) return text.substr(at + key.size(), end - at - key.size());
  }
}

}  // namespace

bool DockerRegistry::is_installed() {
  return ::access(program, X_OK) == 0;
}

DockerRegistry::DockerRegistry() {
  const std::string config = directory_ / "config.yml";
  write_text(config,
             "version: 0.1\n"
             "storage:\n"
             "  filesystem:\n"
             "    rootdirectory: " +
                 (directory_ / "data").string() +
                 "\n"
                 "http:\n"
                 "  addr: 127.0.0.1:0\n");
  std::array<int, 2> ends{};
  sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
  // Kept open: writing into a closed one would end it.
  log_.reset(ends[0]);
  UniqueFd writer(ends[1]);
  pid_ = sys::check(::fork(), "fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::dup2(writer.get(), STDOUT_FILENO);
    ::dup2(writer.get(), STDERR_FILENO);
    ::execl(program, program, "serve", config.c_str(), nullptr);
    ::_exit(127);
  }
  writer.reset();
  try {
    address_ = read_address(log_.get());
  } catch (...) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    throw;
  }
}

DockerRegistry::~DockerRegistry() {
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace dboot
