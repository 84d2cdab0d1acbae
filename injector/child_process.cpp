#include "injector/child_process.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "injector/interruption.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::child_process {
namespace {

/// A signal that comes right before poll(2) does not interrupt it.
constexpr int slice_ms = 250;

bool ends_before(int pidfd, std::chrono::steady_clock::time_point end) {
  while (std::chrono::steady_clock::now() < end) {
    interruption::check();
    pollfd ended{pidfd, POLLIN, 0};
    if (::poll(&ended, 1, slice_ms) > 0) return true;
  }
  return false;
}

}  // namespace

UniqueFd make_memory(const char* name) {
  return UniqueFd(sys::check(::memfd_create(name, MFD_CLOEXEC), "memfd_create"));
}

std::string content_of(int fd) {
  constexpr off_t most = off_t{1} << 20U;
  const off_t size = std::clamp<off_t>(::lseek(fd, 0, SEEK_END), 0, most);
  std::string text(static_cast<std::size_t>(size), '\0');
  const auto count = ::pread(fd, text.data(), text.size(), 0);
  text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  return text;
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

bool end_in_time(pid_t child, int pidfd, std::chrono::seconds patience, int& status) {
  bool in_time = false;
  try {
    in_time = ends_before(pidfd, std::chrono::steady_clock::now() + patience);
  } catch (...) {
    ::kill(child, SIGKILL);
    wait_for(child);
    throw;
  }
  if (!in_time) ::kill(child, SIGKILL);
  status = wait_for(child);
  return in_time;
}

}  // namespace dboot::child_process
