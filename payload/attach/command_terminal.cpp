#include "payload/attach/command_terminal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "payload/children/fork.hpp"
#include "payload/console/terminal_settings.hpp"
#include "shared/plan/layout.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// The last lines, on a serial line of 9600 baud.
constexpr auto to_show_the_rest = 30s;
/// One that is killed may be held up in the driver of a console: it is left to itself then.
constexpr auto to_die = 2s;

UniqueFd open_master() {
  UniqueFd master = sys::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY);
  sys::check(::unlockpt(master.get()), "unlockpt");
  return master;
}

UniqueFd open_slave(const UniqueFd& master) {
  constexpr int flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  return UniqueFd(sys::check(::ioctl(master.get(), TIOCGPTPEER, flags), "open a terminal"));
}

UniqueFd listen(int directory) {
  UniqueFd socket(sys::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, layout::command_socket, sizeof address.sun_path - 1);
  // Of the command before.
  ::unlinkat(directory, std::strrchr(layout::command_socket, '/') + 1, 0);
  sys::check(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
             "bind ", layout::command_socket);
  constexpr int waiting = 8;
  sys::check(::listen(socket.get(), waiting), "listen at ", layout::command_socket);
  return socket;
}

std::vector<UniqueFd> three_of(const UniqueFd& fd) {
  constexpr int above_stdio = 3;
  std::vector<UniqueFd> stdio;
  while (stdio.size() <= STDERR_FILENO)
    stdio.emplace_back(
        sys::check(::fcntl(fd.get(), F_DUPFD_CLOEXEC, above_stdio), "duplicate a terminal"));
  return stdio;
}

}  // namespace

CommandTerminal::~CommandTerminal() {
  if (relay_) relay_->ends = {};
}

Task<std::vector<UniqueFd>> CommandTerminal::open() {
  auto opening = console_.open_interactive();
  attach::Ends ends;
  ends.console = co_await std::move(opening);
  ends.master = open_master();
  ends.listener = listen(directory_.get());
  slave_ = open_slave(ends.master);
  terminal_settings::make_sane(slave_.get());
  auto stdio = three_of(slave_);
  const auto relay = std::make_shared<Relay>(executor_);
  relay->ends = std::move(ends);
  relay_ = relay;
  auto starting = fork_patiently([&] { return start(relay); });
  co_await std::move(starting);
  log_.info("the command may be attached to", {{"by", "/run/dboot/dboot-attach"}});
  co_return stdio;
}

pid_t CommandTerminal::start(const std::shared_ptr<Relay>& relay) {
  auto& ends = relay->ends;
  const std::vector<int> keep{ends.master.get(), ends.listener.get(), ends.console.get()};
  relay->pid = fork_child("pass on the command's terminal", keep, [&] {
    ::setsid();
    // As the one before may have left it.
    if (relay->starts != 0 && ends.console) terminal_settings::make_sane(ends.console.get());
    attach::relay(std::move(ends));
    ::_exit(0);
  });
  children_.add(relay->pid, Children::Kind::helper, [this, relay](int) {
    relay->pid = 0;
    relay->ended.notify();
    if (relay->ends.master) start_again(relay);
  });
  return relay->pid;
}

/// Somebody has ended it: a command that kills all it can, say.
void CommandTerminal::start_again(const std::shared_ptr<Relay>& relay) {
  constexpr int most = 100;
  try {
    if (++relay->starts > most) throw std::runtime_error("it ends again and again");
    start(relay);
    log_.warning("the command's terminal has another relay: the one before was killed");
  } catch (const std::exception& error) {
    log_.error("the command's terminal is hung up: it has no relay", {{"reason", error.what()}});
    // To close it may take as long as a line that is stopped.
    [[maybe_unused]] const int console = relay->ends.console.release();
    relay->ends = {};
  }
}

Task<> CommandTerminal::close() {
  slave_.reset();
  const auto relay = std::exchange(relay_, nullptr);
  if (!relay) co_return;
  relay->ends = {};
  if (relay->pid == 0) co_return;
  for (const auto& [signal, patience] : {std::pair{SIGTERM, Clock::duration(to_show_the_rest)},
                                         std::pair{SIGKILL, Clock::duration(to_die)}}) {
    ::kill(relay->pid, signal);
    const auto end = Clock::now() + patience;
    while (relay->pid != 0 && Clock::now() < end) co_await relay->ended.wait_until(end);
    if (relay->pid == 0) co_return;
  }
  log_.warning("the console is still held by what has passed on the command's terminal",
               {{"pid", relay->pid}});
}

}  // namespace dboot
