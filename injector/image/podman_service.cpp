#include "injector/image/podman_service.hpp"

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
#include <cstdlib>
#include <system_error>

#include "injector/failure.hpp"
#include "shared/log.hpp"
#include "shared/syscalls.hpp"

namespace dboot::image {
namespace {

constexpr const char* socket_name = "podman.sock";
constexpr int listener_fd = 3;  // SD_LISTEN_FDS_START, sd_listen_fds(3)
/// It has nothing to finish: containers that were made for us are gone.
constexpr int patience_ms = 5000;

UniqueFd detached_tmpfs() {
  const UniqueFd context(sys::check(::fsopen("tmpfs", FSOPEN_CLOEXEC), "fsopen tmpfs"));
  sys::check(::fsconfig(context.get(), FSCONFIG_SET_STRING, "mode", "0700", 0), "tmpfs mode");
  sys::check(::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "create tmpfs");
  return UniqueFd(sys::check(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0), "fsmount tmpfs"));
}

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
    : directory_(detached_tmpfs()),
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
  if (::read(reader.get(), &error, sizeof error) == sizeof error) {
    ::waitpid(pid_, nullptr, 0);
    throw Failure("cannot start podman: " + std::generic_category().message(error),
                  "install it, or name the socket of a Podman that runs with --host");
  }
  log::info("no Podman listens: started podman system service for as long as it is needed",
            {{"pid", pid_}});
}

PodmanService::~PodmanService() {
  ::kill(pid_, SIGTERM);
  pollfd ended{process_.get(), POLLIN, 0};
  int count = 0;
  do {
    count = ::poll(&ended, 1, patience_ms);
  } while (count < 0 && errno == EINTR);
  if (count != 1) ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
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
