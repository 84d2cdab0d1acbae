#include "injector/engine/podman_service.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>

#include "injector/clean_up_deadline.hpp"
#include "injector/failure.hpp"
#include "injector/interruption.hpp"
#include "injector/report.hpp"
#include "shared/system/detached_mount.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::image {
namespace {

constexpr const char* socket_name = "podman.sock";
constexpr int listener_fd = 3;  // SD_LISTEN_FDS_START, sd_listen_fds(3)
/// It has nothing to finish: containers that were made for us are gone.
constexpr std::chrono::seconds ending{5};
constexpr std::chrono::seconds ending_when_interrupted{2};
/// A signal that comes right before poll(2) does not interrupt it.
constexpr int slice_ms = 250;

UniqueFd listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd fd(sys::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "create a socket"));
  sys::check(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
             "bind Podman's socket");
  constexpr int backlog = 16;
  sys::check(::listen(fd.get(), backlog), "listen on Podman's socket");
  return fd;
}

/// The errno with which the child could not become podman; 0 when it has. Throws Failure when the
/// user interrupts.
int error_of_child(int pipe) {
  for (;;) {
    interruption::check();
    pollfd readable{pipe, POLLIN, 0};
    if (::poll(&readable, 1, slice_ms) <= 0) continue;
    int error = 0;
    const ssize_t count = ::read(pipe, &error, sizeof error);
    if (count < 0 && errno == EINTR) continue;
    return count == sizeof error ? error : 0;
  }
}

/// Asks it to end, and ends it when it does not.
void end(pid_t pid, const UniqueFd& process) {
  ::kill(pid, SIGTERM);
  const bool is_urgent = interruption::count() > 1;
  CleanUpDeadline deadline(ending, is_urgent ? std::chrono::seconds(0) : ending_when_interrupted);
  try {
    for (pollfd ended{process.get(), POLLIN, 0}; ::poll(&ended, 1, slice_ms) <= 0;)
      deadline.check();
  } catch (const Failure&) {
    ::kill(pid, SIGKILL);
  }
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

/// In the child: becomes podman, which takes the socket over as systemd's services do
/// (podman-system-service(1), "systemd socket activation"). Returns the errno when it cannot.
int become_podman(int listener, int output, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  // Ctrl-C is for who has started it, and who ends it then.
  ::setpgid(0, 0);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0 || ::dup2(null, STDIN_FILENO) < 0 || ::dup2(output, STDOUT_FILENO) < 0 ||
      ::dup2(output, STDERR_FILENO) < 0)
    return errno;
  // dup2 to itself would leave O_CLOEXEC.
  if (listener == listener_fd ? ::fcntl(listener, F_SETFD, 0) < 0
                              : ::dup2(listener, listener_fd) < 0)
    return errno;
  ::setenv("LISTEN_FDS", "1", 1);
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::execlp("podman", "podman", "system", "service", "--time", "0", nullptr);
  return errno;
}

}  // namespace

PodmanService::PodmanService()
    : directory_(detached_mount::make("tmpfs", 0, {{"mode", "0700"}})),
      output_(sys::check(::memfd_create("podman", MFD_CLOEXEC), "memfd_create")) {
  const UniqueFd listener = listen_at(socket_path());
  std::array<int, 2> ends{};
  sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  // Out of the way of the descriptor that the socket becomes in the child.
  UniqueFd report(sys::check(::fcntl(writer.get(), F_DUPFD_CLOEXEC, 10), "dup"));
  writer.reset();
  const UniqueFd output(sys::check(::fcntl(output_.get(), F_DUPFD_CLOEXEC, 10), "dup"));
  const pid_t parent = ::getpid();
  pid_ = sys::check(::fork(), "fork");
  if (pid_ == 0) {
    const int error = become_podman(listener.get(), output.get(), parent);
    [[maybe_unused]] const ssize_t count = ::write(report.get(), &error, sizeof error);
    ::_exit(127);
  }
  process_ = sys::try_pidfd_open(pid_);
  report.reset();
  int error = 0;
  try {
    error = error_of_child(reader.get());
  } catch (const Failure&) {
    end(pid_, process_);
    throw;
  }
  if (error != 0) {
    ::waitpid(pid_, nullptr, 0);
    throw Failure("cannot start podman: " + std::generic_category().message(error),
                  "install it, or name the socket of a Podman that runs with --host");
  }
  report::info("no Podman listens: started podman system service for as long as it is needed",
               {{"pid", pid_}});
}

PodmanService::~PodmanService() {
  end(pid_, process_);
}

std::string PodmanService::socket_path() const {
  return "/proc/self/fd/" + std::to_string(directory_.get()) + "/" + socket_name;
}

std::string PodmanService::last_words() const {
  std::string text(4096, '\0');
  const off_t size = ::lseek(output_.get(), 0, SEEK_END);
  const off_t begin = size > 4096 ? size - 4096 : 0;
  const ssize_t count = ::pread(output_.get(), text.data(), text.size(), begin);
  text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace dboot::image
