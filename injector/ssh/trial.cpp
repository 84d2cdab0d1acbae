#include "injector/ssh/trial.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <stdexcept>

#include "injector/child_process.hpp"
#include "injector/failure.hpp"
#include "injector/host_program.hpp"
#include "injector/report.hpp"
#include "injector/unpack/image_file.hpp"
#include "shared/system/detached_mount.hpp"
#include "shared/system/signals.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::ssh {
namespace {

using namespace child_process;
using namespace std::chrono_literals;

constexpr auto patience = 60s;
constexpr const char* key_name = "trial_key";
constexpr const char* known_hosts_name = "trial_known_hosts";
constexpr const char* log_name = "trial_log";
constexpr const char* name_of_host = "dboot-trial";
/// Nobody in there needs what is mounted there otherwise.
constexpr const char* place = "/sys";

[[noreturn]] void refuse(const std::string& why) {
  throw Failure("nobody could log in to the new system: " + why,
                "mend that, or take over with --no-ssh, and a console at hand");
}

std::string path_of(int directory, const char* name) {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(directory) + '/' + name;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// The root of the carried server, a key for the trial, and what the client is to believe.
UniqueFd make_carried_root(const CarriedServer& server, const std::vector<Account>& accounts,
                           const std::string& path, const std::string& keygen) {
  UniqueFd directory = detached_mount::make("tmpfs", MOUNT_ATTR_NOSUID, {{"mode", "0755"}});
  server.write(directory.get(), accounts, path, CarriedServer::Devices::own);
  const auto made = host_program::run({keygen, "-q", "-t", "ed25519", "-N", "", "-C", "dboot", "-f",
                                       path_of(directory.get(), key_name)},
                                      10s);
  if (made.status != 0)
    refuse("no key is made for a trial: " + host_program::last_line(made.errors));
  // The server reads it as the user who logs in.
  sys::check(::fchmodat(directory.get(), (key_name + std::string(".pub")).c_str(), 0644, 0),
             "chmod of a key");
  rootfs::write_image_file(directory.get(), known_hosts_name, server.known_hosts(name_of_host),
                           0600);
  return directory;
}

/// One login after the other, by who is PID 1 of the namespaces.
class Trial {
 public:
  Trial(int carried_root, int new_root) : carried_root_(carried_root), new_root_(new_root) {}

  void furnish() {
    sys::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make mounts private");
    old_root_ = sys::open("/", O_PATH | O_DIRECTORY);
    const UniqueFd where = sys::open(place, O_PATH | O_DIRECTORY);
    detached_mount::attach(carried_root_, where.get());
    const UniqueFd proc = sys::open_at(carried_root_, "proc", O_PATH | O_DIRECTORY);
    detached_mount::attach(detached_mount::make("proc").get(), proc.get());
    turn_loopback_on();
    listen();
    // From here on it is what the PID 1 of the new system will be to the server.
    enter(new_root_);
  }

  /// As it will be started, but for its test of its configuration.
  void check(std::vector<std::string> server) {
    const UniqueFd words = make_memory("server");
    server[1] = "-t";
    const pid_t testing =
        start(carried_root_, std::move(server), {words.get(), words.get(), words.get()});
    if (wait_for(testing) != 0)
      throw std::runtime_error("the ssh server does not take its configuration: " +
                               host_program::last_line(content_of(words.get())));
  }

  void log_in(const std::string& user, std::vector<std::string> server,
              std::vector<std::string> client) {
    const UniqueFd server_words = make_memory("server");
    const UniqueFd client_words = make_memory("client");
    client.insert(
        client.begin() + 1,
        {"-p", std::to_string(port_), "-l", user, "-i", std::string(place) + '/' + key_name, "-o",
         std::string("UserKnownHostsFile=") + place + '/' + known_hosts_name});
    const UniqueFd null = sys::open_at(old_root_.get(), "dev/null", O_RDWR);
    const pid_t talking =
        start(old_root_.get(), client, {null.get(), client_words.get(), client_words.get()});
    UniqueFd connection = accept(talking);
    pid_t serving = 0;
    if (connection)
      serving = start(carried_root_, std::move(server),
                      {connection.get(), connection.get(), server_words.get()});
    connection.reset();
    const int status = wait_for(talking);
    // It may have something to say to the end.
    if (serving != 0) wait_for(serving);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    const auto of_client = host_program::last_line(content_of(client_words.get()));
    const UniqueFd log(::openat(carried_root_, log_name, O_RDONLY | O_CLOEXEC));
    const auto of_server = host_program::last_line(content_of(server_words.get()) +
                                                   (log ? content_of(log.get()) : ""));
    throw std::runtime_error("a login of " + user + " has failed" +
                             (of_client.empty() ? "" : ": " + of_client) +
                             (of_server.empty() ? "" : " (the server: " + of_server + ")"));
  }

 private:
  static void enter(int root) {
    sys::check(::fchdir(root), "fchdir");
    sys::check(::chroot("."), "chroot");
  }

  static void turn_loopback_on() {
    const UniqueFd socket(sys::check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    ifreq request{};
    std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
    request.ifr_flags = IFF_UP;
    sys::check(::ioctl(socket.get(), SIOCSIFFLAGS, &request), "turn on lo");
  }

  void listen() {
    listener_.reset(sys::check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const general = reinterpret_cast<sockaddr*>(&address);
    sys::check(::bind(listener_.get(), general, size), "bind");
    sys::check(::listen(listener_.get(), 1), "listen");
    sys::check(::getsockname(listener_.get(), general, &size), "getsockname");
    port_ = ntohs(address.sin_port);
  }

  static pid_t start(int root, std::vector<std::string> arguments,
                     const std::array<int, 3>& stdio) {
    const pid_t child = sys::check(::fork(), "fork");
    if (child != 0) return child;
    std::array<char*, 2> environment{const_cast<char*>("PATH=/usr/sbin:/usr/bin:/sbin:/bin"),
                                     nullptr};
    const auto argv = pointers_to(arguments);
    ::setsid();
    for (int number = 0; number < 3; ++number)
      ::dup2(stdio.at(static_cast<std::size_t>(number)), number);
    if (::fchdir(root) == 0 && ::chroot(".") == 0)
      ::execve(argv[0], argv.data(), environment.data());
    ::dprintf(STDERR_FILENO, "cannot execute %s: %s\n", argv[0], std::strerror(errno));
    ::_exit(127);
  }

  /// Empty when the client ends without having come.
  UniqueFd accept(pid_t client) {
    const UniqueFd ended = sys::try_pidfd_open(client);
    std::array<pollfd, 2> polled{{{listener_.get(), POLLIN, 0}, {ended.get(), POLLIN, 0}}};
    while (::poll(polled.data(), polled.size(), -1) < 0 && errno == EINTR) {
    }
    if ((polled[0].revents & POLLIN) == 0) return {};
    return UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

  int carried_root_;
  int new_root_;
  UniqueFd old_root_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
};

std::vector<std::string> server_arguments(const CarriedServer& server, const std::string& user) {
  auto arguments = server.arguments();
  // For one connection, which it has on 0 and 1.
  arguments[1] = "-i";
  const auto keys = std::string("AuthorizedKeysFile=/") + key_name + ".pub";
  // Nobody comes from the address that the host may ask for.
  const auto here = "AllowUsers=" + user;
  for (const char* option : {keys.c_str(), here.c_str(), "AuthenticationMethods=publickey",
                             "PubkeyAuthentication=yes", "LogLevel=ERROR", server.accepts_ed25519(),
                             // The server itself: nothing of the image is executed.
                             "ForceCommand=internal-sftp"}) {
    arguments.emplace_back("-o");
    arguments.emplace_back(option);
  }
  // Not on 2, which is the client's from the login on.
  arguments.insert(arguments.end(), {"-E", std::string("/") + log_name});
  return arguments;
}

/// Without anybody's settings.
std::vector<std::string> client_arguments(const CarriedServer& server, const std::string& program) {
  std::vector<std::string> arguments{program, "-F", "none", "-T"};
  const bool is_known = !server.known_hosts(name_of_host).empty();
  for (const char* option : {"BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none",
                             "ConnectTimeout=20", "GlobalKnownHostsFile=none", "LogLevel=ERROR"}) {
    arguments.emplace_back("-o");
    arguments.emplace_back(option);
  }
  arguments.insert(arguments.end(),
                   {"-o", std::string("HostKeyAlias=") + name_of_host, "-o",
                    std::string("StrictHostKeyChecking=") + (is_known ? "yes" : "no"), "-s",
                    "127.0.0.1", "sftp"});
  return arguments;
}

/// In a process of its own. What goes wrong is what it writes to `words`.
[[noreturn]] void run(int carried_root, int new_root, int words,
                      const std::vector<Account>& accounts, const CarriedServer& server,
                      const std::string& client) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setsid();
  reset_signals();
  try {
    Trial trial(carried_root, new_root);
    trial.furnish();
    trial.check(server.arguments());
    for (const auto& account : accounts)
      trial.log_in(account.login.name, server_arguments(server, account.login.name),
                   client_arguments(server, client));
  } catch (const std::exception& error) {
    const std::string_view what = error.what();
    [[maybe_unused]] const auto written = ::write(words, what.data(), what.size());
    ::_exit(1);
  }
  ::_exit(0);
}

}  // namespace

bool try_to_log_in(const CarriedServer& server, const std::vector<Account>& accounts,
                   const std::string& path, int root) {
  const auto client = host_program::find("ssh");
  const auto keygen = host_program::find("ssh-keygen");
  if (client.empty() || keygen.empty()) {
    report::warning("a login to the new system is not tried: this host has no ssh and ssh-keygen");
    return false;
  }
  const UniqueFd carried_root = make_carried_root(server, accounts, path, keygen);
  const UniqueFd words = make_memory("words");
  clone_args arguments{};
  int pidfd = -1;
  arguments.flags =
      CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  const auto child = static_cast<pid_t>(
      sys::check(::syscall(SYS_clone3, &arguments, sizeof arguments), "clone3 for a trial login"));
  if (child == 0) run(carried_root.get(), root, words.get(), accounts, server, client);
  const UniqueFd ended(pidfd);
  int status = 0;
  const bool in_time = end_in_time(child, ended.get(), patience, status);
  if (!in_time)
    refuse("a trial login has not ended after " + std::to_string(patience.count()) + " s");
  if (status != 0) {
    const auto why = content_of(words.get());
    refuse(why.empty() ? "a trial login ended with status " + std::to_string(status) : why);
  }
  for (const auto& account : accounts)
    report::info("a login to the new system was tried", {{"user", account.login.name}});
  return true;
}

}  // namespace dboot::ssh
