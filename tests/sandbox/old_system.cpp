#include "tests/sandbox/old_system.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>

#include "shared/plan/layout.hpp"
#include "shared/system/descriptor_passing.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t own_namespaces =
    CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;

void mount(const char* type, const std::string& where, const char* options = "") {
  sys::check(::mount(type, where.c_str(), type, 0, options), "mount ", type, " on ", where);
}

void write_bytes(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  const UniqueFd file = sys::open(path, O_CREAT | O_WRONLY, 0600);
  sys::write_all(file.get(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void make_device(const char* path, unsigned major_number, unsigned minor_number) {
  sys::check(::mknod(path, S_IFCHR | 0666, makedev(major_number, minor_number)), "mknod ", path);
  sys::check(::chmod(path, 0666), "chmod ", path);
}

/// Says that it is ready, and waits for the other end of `appointment` to be closed: by a system
/// call that the payload does not make, for the tracer counts those of the payload.
void wait_for_tracer(int appointment) {
  sys::write_all(appointment, "r");
  pollfd polled{appointment, POLLIN, 0};
  ::ppoll(&polled, 1, nullptr, nullptr);
}

void read_until(int fd, std::string_view last) {
  std::string text;
  while (text.find(last) == std::string::npos) {
    std::array<char, 256> bytes;
    const ssize_t count = ::read(fd, bytes.data(), bytes.size());
    if (count <= 0) throw std::runtime_error("the tracer has ended: " + text);
    text.append(bytes.data(), static_cast<std::size_t>(count));
  }
}

void set_loopback_up(int socket) {
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  sys::check(::ioctl(socket, SIOCSIFFLAGS, &loopback), "set lo up");
}

/// The payload beside the tests, whichever program of theirs asks.
std::string program(const std::string& name) {
  return fs::read_symlink("/proc/self/exe").parent_path() / name;
}

}  // namespace

OldSystem::OldSystem() {
  std::array<char, 32> name{"/tmp/old-system-XXXXXX"};
  if (::mkdtemp(name.data()) == nullptr) sys::fail(errno, {"mkdtemp"});
  witness_ = name.data();
  fs::copy_file(program("dboot-init"), witness_ + "/dboot-init");
  plan_.scope = Scope::in_namespace;
  plan_.environment = {"PATH=/bin", "container=dboot"};
  command("exit 0");
}

OldSystem::~OldSystem() {
  if (pid_ != 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  fs::remove_all(witness_);
}

void OldSystem::command(const std::string& script) {
  plan_.executable = "/bin/sh";
  plan_.arguments = {"sh", "-c", script};
}

std::string OldSystem::witnessed(const std::string& file) const {
  return sys::read_file_or_empty(witness_ + '/' + file);
}

void OldSystem::furnish(const char* slave) const {
  sys::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make private");
  mount("proc", "/proc");
  const UniqueFd console = sys::open(slave, O_RDWR | O_NOCTTY);
  for (const int fd : {0, 1, 2}) ::dup2(console.get(), fd);
  const std::string node = witness_ + "/pts";
  { const UniqueFd file = sys::open(node, O_CREAT | O_WRONLY, 0600); }
  sys::check(::mount(slave, node.c_str(), nullptr, MS_BIND, nullptr), "bind ", slave);
  mount("tmpfs", "/dev", "mode=0755");
  make_device("/dev/null", 1, 3);
  make_device("/dev/zero", 1, 5);
  make_device("/dev/tty", 5, 0);
  { const UniqueFd file = sys::open("/dev/console", O_CREAT | O_WRONLY, 0600); }
  sys::check(::mount(node.c_str(), "/dev/console", nullptr, MS_MOVE, nullptr), "move the console");
  mount("tmpfs", "/run");
}

void OldSystem::make_root() const {
  fs::create_directories(layout::directory);
  mount("tmpfs", layout::directory, "mode=0700");
  fs::copy_file(witness_ + "/dboot-init", layout::payload);
  write_bytes(layout::plan, bytes_.empty() ? plan::encode(plan_) : bytes_);
  fs::create_directories(layout::root);
  mount("tmpfs", layout::root, "mode=0755");
  const std::string root = layout::root;
  fs::create_directories(root + "/bin");
  fs::copy_file("/bin/busybox", root + "/bin/busybox");
  for (const char* applet : {"sh", "cat", "grep", "echo", "hostname", "ps", "ls", "stty", "sleep",
                             "readlink", "tty", "env", "kill", "pwd", "mount"})
    fs::create_symlink("busybox", root + "/bin/" + applet);
}

void OldSystem::start_processes() const {
  if (processes_.empty()) return;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setenv("WITNESS", witness_.c_str(), 1);
    ::execl("/bin/sh", "sh", "-c", processes_.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (status != 0) throw std::runtime_error("the script of the old processes failed");
}

void OldSystem::limit() const {
  if (descriptors_ == 0) return;
  rlimit limit{};
  sys::check(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = descriptors_;
  if (limit_ == Limit::hard) {
    limit.rlim_max = descriptors_;
    sys::check(::prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE), "drop CAP_SYS_RESOURCE");
  }
  sys::check(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

void OldSystem::linger() const {
  if (!lingers_) return;
  const int listener = sys::check(::socket(AF_INET, SOCK_STREAM, 0), "socket");
  set_loopback_up(listener);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  sys::check(::bind(listener, generic, size), "bind");
  sys::check(::listen(listener, 1), "listen");
  sys::check(::getsockname(listener, generic, &size), "getsockname");
  const int connection = sys::check(::socket(AF_INET, SOCK_STREAM, 0), "socket");
  sys::check(::connect(connection, generic, size), "connect");
  const int peer = sys::check(::accept(listener, nullptr, nullptr), "accept");
  constexpr ::linger for_long{1, 1000};
  sys::check(::setsockopt(connection, SOL_SOCKET, SO_LINGER, &for_long, sizeof for_long),
             "SO_LINGER");
  const std::string bytes(65536, 'x');
  while (::send(connection, bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) {
  }
  if (::fork() == 0) {
    ::close(connection);
    for (;;) ::pause();
  }
  ::close(peer);
}

/// A socket belongs to the network that it was made in, whoever has it.
void OldSystem::listen(int appointment) const {
  if (port_ == 0) return;
  const UniqueFd socket(sys::check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  set_loopback_up(socket.get());
  constexpr int room = 4 << 20;
  sys::check(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), "room");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port_);
  sys::check(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
             "bind");
  descriptor_passing::send(appointment, "s", socket.get());
}

void OldSystem::receive(int appointment) {
  if (port_ == 0) return;
  std::array<char, 1> byte;
  std::vector<UniqueFd> fds;
  if (descriptor_passing::receive(appointment, byte, fds, 0) != 1)
    throw std::runtime_error("the old system has ended");
  receiver_ = std::move(fds.front());
}

void OldSystem::be_pid_1(const char* slave, int appointment) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  try {
    ::setsid();
    furnish(slave);
    make_root();
    start_processes();
    limit();
    linger();
    listen(appointment);
    ::chdir("/");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "old system: %s\n", error.what());
    ::_exit(99);
  }
  if (traced_) wait_for_tracer(appointment);
  std::array<char*, 2> argv{const_cast<char*>(layout::payload), nullptr};
  ::execveat(AT_FDCWD, layout::payload, argv.data(), environ, 0);
  ::_exit(98);
}

/// From outside, where the payload does not see it among its processes.
void OldSystem::start_tracer(int appointment) {
  char ready = 0;
  if (::read(appointment, &ready, 1) != 1) throw std::runtime_error("the old system has ended");
  std::array<int, 2> ends{};
  sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  words_of_tracer_ = UniqueFd(ends[0]);
  UniqueFd written(ends[1]);
  tracer_ = sys::check(::fork(), "fork");
  if (tracer_ == 0) {
    ::dup2(written.get(), STDERR_FILENO);
    const std::string pid = std::to_string(pid_);
    const std::string file = witness_ + "/strace";
    const std::string expression = fault_.empty() ? "trace=all" : "inject=" + fault_;
    std::vector<const char*> arguments{
        "strace", "-s", "200", "-o", file.c_str(), "-e", expression.c_str(), "-p", pid.c_str()};
    if (fault_in_ == Where::everywhere) arguments.push_back("-f");
    arguments.push_back(nullptr);
    ::execvp(arguments[0], const_cast<char**>(arguments.data()));
    ::_exit(127);
  }
  written.reset();
  read_until(words_of_tracer_.get(), " attached\n");
}

void OldSystem::collect(int master) {
  const UniqueFd pidfd = sys::try_pidfd_open(pid_);
  for (bool ended = false;;) {
    const bool reads = console_is_read_ || ended;
    std::array<pollfd, 2> polled{pollfd{reads ? master : -1, POLLIN, 0},
                                 pollfd{pidfd.get(), POLLIN, 0}};
    constexpr int most_ms = 120'000;
    if (::poll(polled.data(), polled.size(), ended ? 0 : most_ms) == 0 && !ended)
      ::kill(pid_, SIGKILL);
    if ((polled[0].revents & POLLIN) != 0) {
      std::array<char, 4096> bytes;
      const ssize_t count = ::read(master, bytes.data(), bytes.size());
      if (count > 0) {
        output_.append(bytes.data(), static_cast<std::size_t>(count));
        continue;
      }
    }
    if (ended) break;
    ended = polled[1].revents != 0;
  }
  std::erase(output_, '\r');
  std::array<char, 65536> datagram;
  while (receiver_) {
    const ssize_t size = ::recv(receiver_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT);
    if (size < 0) break;
    received_.emplace_back(datagram.data(), static_cast<std::size_t>(size));
  }
}

int OldSystem::run(const std::string& input) {
  const UniqueFd master(sys::check(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), "openpt"));
  std::array<char, 64> slave{};
  if (::unlockpt(master.get()) != 0 || ::ptsname_r(master.get(), slave.data(), slave.size()) != 0)
    sys::fail(errno, {"open a pty"});
  // Without any slave the master reports EIO.
  const UniqueFd held = sys::open(slave.data(), O_RDWR | O_NOCTTY);

  std::array<int, 2> ends{};
  sys::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
  UniqueFd here(ends[0]);
  UniqueFd there(ends[1]);
  clone_args arguments{};
  arguments.flags = own_namespaces;
  arguments.exit_signal = SIGCHLD;
  pid_ =
      static_cast<pid_t>(sys::check(::syscall(SYS_clone3, &arguments, sizeof arguments), "clone3"));
  if (pid_ == 0) {
    here.reset();
    be_pid_1(slave.data(), there.get());
  }
  there.reset();
  receive(here.get());
  if (traced_) start_tracer(here.get());
  here.reset();
  sys::write_all(master.get(), input);
  collect(master.get());
  int status = 0;
  ::waitpid(pid_, &status, 0);
  if (tracer_ != 0) ::waitpid(tracer_, nullptr, 0);
  pid_ = 0;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace dboot::test
