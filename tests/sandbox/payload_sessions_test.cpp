#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fcntl.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <regex>
#include <string>

#include "payload/attach/command_terminal.hpp"
#include "payload/attach/messages.hpp"
#include "payload/children/companions.hpp"
#include "payload/children/program.hpp"
#include "payload/context.hpp"
#include "payload/init/supervisor.hpp"
#include "payload/processes/terminator.hpp"
#include "shared/log/sinks.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/sandbox/payload_parts.hpp"
#include "tests/support/temporary_directory.hpp"

/// What stays of people through a takeover: companions, sessions, and the command's terminal.
namespace dboot {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

Task<> end_all_with_a_companion(boost::asio::io_context& loop, std::string& living) {
  Log log;
  Children children(loop.get_executor(), log);
  Terminator terminator(log, children, Permissions(Scope::in_namespace, false, false),
                        loop.get_executor());
  Pipe ready;
  // Its daemon, as a session of an ssh server that runs tmux, is nobody's child by the time.
  Program companion{"/bin/bash",
                    {"bash", "-c",
                     "(setsid bash -c 'exec -a daemon sleep 1000' &)\n"
                     "until grep -qs '^daemon' /proc/*/cmdline; do :; done\n"
                     "echo ready; exec sleep 1000"},
                    {"PATH=/usr/bin:/bin"}};
  companion.kind = Children::Kind::companion;
  auto starting = start_program(children, std::move(companion), null_and(ready.in), {});
  const pid_t pid_of_companion = co_await std::move(starting);
  char byte = 0;
  ready.in.reset();
  while (byte != '\n') sys::check(::read(ready.out.get(), &byte, 1), "read");
  start_sleeping("old");
  co_await terminator.end_all(5s);
  for (const pid_t pid : list_processes()) {
    if (pid != 1) living += (pid == pid_of_companion ? "companion" : name_of(pid)) + ' ';
  }
  loop.stop();
}

TEST(Companion, OutlivesTheOldSystemWithAllItsDescendants) {
  const auto living = as_pid_1([] {
    std::string names;
    boost::asio::io_context loop(1);
    boost::asio::co_spawn(loop, end_all_with_a_companion(loop, names), boost::asio::detached);
    loop.run();
    return names;
  });
  EXPECT_THAT(living, HasSubstr("companion "));
  EXPECT_THAT(living, HasSubstr("daemon "));
  EXPECT_THAT(living, Not(HasSubstr("old ")));
}

void make_root_of_companion() {
  sys::check(::mount("tmpfs", "/run", "tmpfs", 0, nullptr), "mount /run");
  for (const char* directory : {"/run/dboot", "/run/dboot/server", "/run/dboot/server/proc"})
    sys::check(::mkdir(directory, 0755), "mkdir ", directory);
  write_text("/run/dboot/server/busybox", sys::read_file("/bin/busybox"), 0755);
}

/// Until the file has that many lines.
Task<> wait_for_lines(const std::string& file, long count) {
  Condition nothing(co_await boost::asio::this_coro::executor);
  for (;;) {
    const auto text = sys::read_file_or_empty(file);
    if (std::count(text.begin(), text.end(), '\n') >= count) co_return;
    co_await nothing.wait_until(std::chrono::steady_clock::now() + 5ms);
  }
}

Task<> keep_a_companion(boost::asio::io_context& loop, std::string& told) {
  make_root_of_companion();
  Log log;
  log.add_sink(log::sinks::memory(told));
  Children children(loop.get_executor(), log);
  const UniqueFd directory = sys::open("/run/dboot", O_PATH | O_DIRECTORY);
  Companions companions(log, children, directory);
  // Its way out of its root.
  const Companion server{
      "server",
      "/run/dboot/server",
      {"/busybox", "sh", "-c",
       "/busybox test -d /proc/1/root/usr && echo $$; exec /busybox sleep 1000"}};
  const std::string said = "/run/dboot/server.log";
  for (int time = 1; time <= 2; ++time) {
    // The second time there is nothing to do.
    auto starting = companions.start({server}, {});
    co_await std::move(starting);
  }
  auto waiting = wait_for_lines(said, 1);
  co_await std::move(waiting);
  const auto text = sys::read_file(said);
  const auto pid = number_in<pid_t>(std::string_view(text).substr(0, text.find('\n')));
  if (pid) ::kill(*pid, SIGKILL);
  auto again = wait_for_lines(said, 2);
  co_await std::move(again);
  companions.let_end();
  Terminator terminator(log, children, Permissions(Scope::in_namespace, false, false),
                        loop.get_executor());
  co_await terminator.end_all(5s);
  // Of one that has ended there is no command line any more.
  told += "living:";
  for (const pid_t other : list_processes()) told += other == 1 ? "" : name_of(other);
  loop.stop();
}

TEST(Companion, IsStartedInItsRootAndAgainUntilTheSystemEnds) {
  const auto told = as_pid_1([] {
    std::string lines;
    boost::asio::io_context loop(1);
    boost::asio::co_spawn(loop, keep_a_companion(loop, lines), boost::asio::detached);
    loop.run();
    return lines;
  });
  EXPECT_THAT(told, HasSubstr("companion started name=server pid="));
  EXPECT_THAT(told, HasSubstr("companion has ended, and is started again name=server "
                              "how=\"signal 9\" in=1000.0ms log=/run/dboot/server.log"));
  EXPECT_THAT(told, testing::EndsWith("living:"));
}

UniqueFd attach_to_command() {
  UniqueFd socket(sys::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, layout::command_socket, sizeof address.sun_path - 1);
  sys::check(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
             "connect");
  return socket;
}

/// All that comes until that, or the end.
std::string read_until(const UniqueFd& socket, std::string_view wanted) {
  std::string text;
  std::array<char, 512> bytes;
  while (text.find(wanted) == std::string::npos) {
    const ssize_t count = ::read(socket.get(), bytes.data(), bytes.size());
    if (count <= 0) break;
    text.append(bytes.data(), static_cast<std::size_t>(count));
  }
  return text;
}

/// A script of bash on a terminal that others may attach to.
class AttachableScript {
 public:
  explicit AttachableScript(const boost::asio::any_io_executor& executor)
      : children_(executor, log_),
        console_(log_, children_, devices_, permissions_, directory_, executor, {},
                 log::Level::info),
        terminal_(log_, children_, console_, directory_, executor) {
    log_.add_sink(log::sinks::memory(lines_));
  }

  Task<> start(std::string script) {
    auto opening = terminal_.open();
    auto stdio = co_await std::move(opening);
    Program bash{"/bin/bash", {"bash", "-c", std::move(script)}, {"PATH=/usr/bin:/bin"}};
    auto starting = start_program(children_, std::move(bash), std::move(stdio),
                                  [this](int status) { status_ = status; });
    pid_ = co_await std::move(starting);
  }

  /// All others but PID 1, of which there is only the relay.
  void kill_relay() const {
    for (const pid_t pid : list_processes()) {
      if (pid != 1 && pid != pid_) ::kill(pid, SIGKILL);
    }
  }
  bool has_said(const std::string& what) const { return lines_.find(what) != std::string::npos; }
  std::optional<int> status() const { return status_; }
  CommandTerminal& terminal() { return terminal_; }

 private:
  std::string lines_;
  Log log_;
  Children children_;
  Permissions permissions_{Scope::in_namespace, false, false};
  DeviceNodes devices_ = DeviceNodes::of_namespace();
  UniqueFd directory_ = sys::open("/run/dboot", O_PATH | O_DIRECTORY);
  Console console_;
  CommandTerminal terminal_;
  pid_t pid_ = 0;
  std::optional<int> status_;
};

Task<> attach_and_leave(boost::asio::io_context& loop, std::string& seen) {
  make_root_of_companion();
  AttachableScript script(loop.get_executor());
  auto starting = script.start(
      "echo begun; read -r line; echo got-$line; stty size; read -r\n"
      // As a server does whose log is elsewhere: nobody hangs it up.
      "exec 0<&- 1>&- 2>&-; echo ended >/dev/tty");
  co_await std::move(starting);
  {
    const auto first = attach_to_command();
    sys::write_all(first.get(), attach::encode(attach::Window{17, 42}) + attach::encode("one\n"));
    seen += read_until(first, "17 42");
  }
  // What has been shown to others before is shown again.
  const auto second = attach_to_command();
  seen += "|" + read_until(second, "17 42");
  script.kill_relay();
  while (!script.has_said("has another relay")) co_await settle();
  const auto third = attach_to_command();
  sys::write_all(third.get(), attach::encode("\n"));
  seen += "|" + read_until(third, "ended");
  co_await script.terminal().close();
  seen += "|" + read_until(third, "nothing, for it has ended");
  loop.stop();
}

TEST(CommandTerminal, IsAttachedToAndLeftAlsoWhereItsRelayIsKilled) {
  const auto seen = as_pid_1([] {
    std::string text;
    boost::asio::io_context loop(1);
    boost::asio::co_spawn(loop, attach_and_leave(loop, text), boost::asio::detached);
    loop.run();
    return text;
  });
  // What is typed is echoed before the command begins, or after.
  EXPECT_THAT(seen, testing::ContainsRegex("begun.*got-one.*17 42.*\\|.*begun.*got-one.*17 "
                                           "42.*\\|.*ended.*\\|"));
}

Task<> lose_every_relay(boost::asio::io_context& loop, std::string& end) {
  make_root_of_companion();
  AttachableScript script(loop.get_executor());
  auto starting = script.start("read -r");
  co_await std::move(starting);
  while (!script.has_said("the command's terminal is hung up")) {
    script.kill_relay();
    co_await settle();
  }
  while (!script.status()) co_await settle();
  end = describe_wait_status(*script.status());
  co_await script.terminal().close();
  loop.stop();
}

TEST(CommandTerminal, IsHungUpWhereItsRelaysEndAgainAndAgain) {
  const auto end = as_pid_1([] {
    std::string text;
    boost::asio::io_context loop(1);
    boost::asio::co_spawn(loop, lose_every_relay(loop, text), boost::asio::detached);
    loop.run();
    return text;
  });
  EXPECT_EQ(end, "signal 1");
}

/// A session as sshd has one: a server that leaves when its shell does, and in the shell somebody
/// who looks on. Returns the pid of that one.
pid_t start_session() {
  Pipe said;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(said.in.get(), STDOUT_FILENO);
    ::execl("/bin/bash", "bash", "-c",
            "printf sshd >/proc/$$/comm\n"
            "bash -c 'trap exit HUP; printf shell >/proc/$$/comm\n"
            "bash -c \"trap exit TERM; printf onlooker >/proc/\\$\\$/comm; echo \\$\\$; exec >&-\n"
            "while :; do sleep 1000 & wait; done\" & exec >&-; while :; do wait; done' &\n"
            "exec >&-; trap : TERM; wait; wait",
            nullptr);
    ::_exit(127);
  }
  const auto text = said.text();
  return number_in<pid_t>(std::string_view(text).substr(0, text.find('\n'))).value_or(0);
}

Task<> end_all_with_a_session(boost::asio::io_context& loop, std::string& lines) {
  Log log;
  log.set_level(log::Level::debug);
  log.add_sink(log::sinks::memory(lines));
  Children children(loop.get_executor(), log);
  start_sleeping("old");
  Terminator terminator(log, children, Permissions(Scope::in_namespace, false, false),
                        loop.get_executor(), false, start_session());
  co_await terminator.end_all(10s);
  loop.stop();
}

TEST(Session, OfWhoLooksOnEndsLastAndFromTheBottomUp) {
  const auto log = as_pid_1([] {
    std::string lines;
    boost::asio::io_context loop(1);
    boost::asio::co_spawn(loop, end_all_with_a_session(loop, lines), boost::asio::detached);
    loop.run();
    return lines;
  });
  std::size_t at = 0;
  for (const char* wanted :
       {"asked to end pid=", "gone pid=[0-9]+ command=sleep", "the session of who looks on ends",
        "gone pid=[0-9]+ command=onlooker after=[^ ]+ killed=no",
        "gone pid=[0-9]+ command=shell after=[^ ]+ killed=no",
        "gone pid=[0-9]+ command=sshd after=[^ ]+ killed=no"}) {
    std::smatch match;
    const bool found = std::regex_search(log.begin() + static_cast<std::ptrdiff_t>(at), log.end(),
                                         match, std::regex(wanted));
    ASSERT_TRUE(found) << wanted << '\n' << log;
    at += static_cast<std::size_t>(match.position() + match.length());
  }
  EXPECT_THAT(log, HasSubstr("session=3"));
}

}  // namespace
}  // namespace dboot
