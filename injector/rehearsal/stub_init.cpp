#include "injector/rehearsal/stub_init.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include "injector/failure.hpp"
#include "injector/rehearsal/containment.hpp"
#include "shared/system/descriptor_passing.hpp"
#include "shared/system/read_only.hpp"
#include "shared/system/signals.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::stub_init {
namespace {

void mount(const char* type, const char* where, unsigned long flags, const char* options = "") {
  sys::check(::mount(type, where, type, flags, options), "mount ", type, " on ", where);
}

void make_device(const char* path, unsigned minor_number) {
  constexpr unsigned memory_devices = 1;
  sys::check(::mknod(path, S_IFCHR | 0666, makedev(memory_devices, minor_number)), "mknod ", path);
  sys::check(::chmod(path, 0666), "chmod ", path);
}

/// The nodes that a container has, on a tmpfs: the host's devtmpfs is not touched.
void furnish_dev() {
  mount("tmpfs", "/dev", MS_NOSUID, "mode=0755,size=64k");
  make_device("/dev/null", 3);
  make_device("/dev/zero", 5);
  make_device("/dev/full", 7);
  make_device("/dev/random", 8);
  make_device("/dev/urandom", 9);
  sys::check(::mknod("/dev/tty", S_IFCHR | 0666, makedev(5, 0)), "mknod /dev/tty");
  sys::check(::chmod("/dev/tty", 0666), "chmod /dev/tty");
  for (const auto& [target, link] :
       {std::pair{"pts/ptmx", "/dev/ptmx"}, std::pair{"/proc/self/fd", "/dev/fd"},
        std::pair{"/proc/self/fd/0", "/dev/stdin"}, std::pair{"/proc/self/fd/1", "/dev/stdout"},
        std::pair{"/proc/self/fd/2", "/dev/stderr"}}) {
    sys::check(::symlink(target, link), "symlink ", link);
  }
  for (const char* directory : {"/dev/pts", "/dev/shm"})
    sys::check(::mkdir(directory, 0755), "mkdir ", directory);
  mount("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620");
  mount("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
}

/// A pseudo terminal: its slave becomes /dev/console, and stdio unless that are pipes; its master
/// is returned.
UniqueFd open_console(const Pipes& pipes) {
  UniqueFd master = sys::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY);
  sys::check(::unlockpt(master.get()), "unlockpt");
  std::array<char, 64> name{};
  if (::ptsname_r(master.get(), name.data(), name.size()) != 0) sys::fail(errno, {"ptsname"});
  { const UniqueFd node = sys::open("/dev/console", O_CREAT | O_WRONLY, 0600); }
  sys::check(::mount(name.data(), "/dev/console", nullptr, MS_BIND, nullptr), "bind ", name.data());
  const UniqueFd slave = sys::open("/dev/console", O_RDWR | O_NOCTTY);
  for (const auto& [number, pipe] :
       {std::pair{0, &pipes.input}, std::pair{1, &pipes.output}, std::pair{2, &pipes.error}})
    sys::check(::dup2(*pipe ? pipe->get() : slave.get(), number), "dup2");
  return master;
}

UniqueFd furnish(const Pipes& pipes, bool contained) {
  // First of all: no unmount in here may ever reach the host.
  sys::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr),
             "make the mounts private");
  sys::check(::chdir("/"), "chdir /");
  if (contained) containment::shield_mounts();
  mount("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  mount("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  read_only::remount("/sys");
  for (const char* path : read_only::machine_files) read_only::cover(path);
  mount("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
  furnish_dev();
  return open_console(pipes);
}

}  // namespace

Channel::Channel() {
  std::array<int, 2> pair{};
  sys::check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()), "socketpair");
  injector_.reset(pair[0]);
  stub_.reset(pair[1]);
}

Parts Channel::receive(bool contained) {
  stub_.reset();
  std::vector<UniqueFd> fds;
  std::string why;
  // The stub closes its end when nothing else is open any more.
  for (bool over = false; !over;) {
    std::array<char, 1024> text{};
    const auto parts = fds.size();
    const ssize_t count = descriptor_passing::receive(injector_.get(), text, fds);
    if (count < 0 && errno == EINTR) continue;
    over = sys::check(count, "wait for the init of the rehearsal") == 0;
    // What comes without a descriptor is why it could not come up.
    if (!over && fds.size() == parts) why.assign(text.data(), static_cast<std::size_t>(count));
  }
  const std::size_t wanted = contained ? 2 : 1;
  if (!why.empty() || fds.size() != wanted) {
    throw Failure("the init of the rehearsal did not come up: " + (why.empty() ? "it ended" : why),
                  "a rehearsal needs root with all capabilities and namespaces; run it outside of "
                  "containers");
  }
  Parts parts{std::move(fds.front()), {}};
  if (contained) parts.calls = std::move(fds.back());
  return parts;
}

void run(Channel& channel, const Pipes& pipes, bool contained) noexcept {
  // With the injector the rehearsal ends too, however the injector ends.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // An injector that ended before that has closed the other end of the channel, so that nothing can
  // be sent any more.
  channel.injector_.reset();
  ::setsid();
  reset_signals();
  try {
    const UniqueFd master = furnish(pipes, contained);
    descriptor_passing::send(channel.stub_.get(), "console", master.get());
    if (contained) {
      containment::drop_capabilities();
      descriptor_passing::send(channel.stub_.get(), "calls", containment::filter_calls().get());
    }
  } catch (const std::exception& error) {
    const std::string what = error.what();
    ::send(channel.stub_.get(), what.data(), what.size(), MSG_NOSIGNAL);
    ::_exit(1);
  }
  const auto stub = static_cast<unsigned>(channel.stub_.get());
  if (stub > 3) ::close_range(3, stub - 1, 0);
  ::close_range(stub + 1, ~0U, 0);
  channel.stub_.reset();
  for (;;) ::pause();
}

}  // namespace dboot::stub_init
