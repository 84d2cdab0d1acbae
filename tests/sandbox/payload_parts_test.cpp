#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>
#include <linux/sched.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <regex>
#include <string>

#include "payload/attach/command_terminal.hpp"
#include "payload/attach/messages.hpp"
#include "payload/children/blocking.hpp"
#include "payload/children/companions.hpp"
#include "payload/children/patience.hpp"
#include "payload/children/program.hpp"
#include "payload/context.hpp"
#include "payload/processes/process_scan.hpp"
#include "payload/processes/terminator.hpp"
#include "payload/run_phase.hpp"
#include "shared/log/sinks.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"
#include "shared/proc/namespace.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/support/temporary_directory.hpp"

/// Parts of the payload, used as a custom payload would use them.
namespace dboot {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  std::string text() {
    in.reset();
    std::string text;
    std::array<char, 4096> bytes;
    for (ssize_t count = 0; (count = ::read(out.get(), bytes.data(), bytes.size())) > 0;)
      text.append(bytes.data(), static_cast<std::size_t>(count));
    return text;
  }
  UniqueFd out;
  UniqueFd in;
};

/// What `body` answers as the PID 1 of namespaces of its own, which it may empty.
std::string as_pid_1(const std::function<std::string()>& body) {
  Pipe answer;
  clone_args arguments{};
  arguments.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET;
  arguments.exit_signal = SIGCHLD;
  const auto pid =
      static_cast<pid_t>(sys::check(::syscall(SYS_clone3, &arguments, sizeof arguments), "clone3"));
  if (pid == 0) {
    std::string text = "not in a namespace of its own";
    try {
      sys::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make private");
      sys::check(::mount("proc", "/proc", "proc", 0, nullptr), "mount /proc");
      if (::getpid() == 1 && !in_initial_namespace("pid")) text = body();
    } catch (const std::exception& error) {
      text = error.what();
    }
    sys::write_all(answer.in.get(), text);
    ::_exit(0);
  }
  const auto text = answer.text();
  ::waitpid(pid, nullptr, 0);
  return text;
}

std::vector<UniqueFd> null_and(const UniqueFd& output) {
  std::vector<UniqueFd> stdio;
  stdio.push_back(sys::open("/dev/null", O_RDWR));
  for (int number = 1; number <= 2; ++number)
    stdio.emplace_back(sys::check(::fcntl(output.get(), F_DUPFD_CLOEXEC, 3), "duplicate"));
  return stdio;
}

pid_t start_sleeping(const char* name) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl("/bin/sleep", name, "1000", nullptr);
    ::_exit(127);
  }
  return pid;
}

/// Its argv[0], which tells one sleep from another.
std::string name_of(pid_t pid) {
  const auto arguments = sys::read_file_or_empty("/proc/" + std::to_string(pid) + "/cmdline");
  return arguments.substr(0, arguments.find('\0'));
}

Task<> end_all_with_a_companion(boost::asio::io_context& loop, std::string& living) {
  Log log;
  Children children(loop.get_executor(), log);
  Terminator terminator(log, children, loop.get_executor());
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
  Terminator terminator(log, children, loop.get_executor());
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

Task<> attach_twice(boost::asio::io_context& loop, std::string& seen) {
  make_root_of_companion();
  std::string lines;
  Log log;
  log.add_sink(log::sinks::memory(lines));
  Children children(loop.get_executor(), log);
  const Permissions permissions(Scope::in_namespace, false, false);
  const auto devices = DeviceNodes::of_namespace();
  const UniqueFd directory = sys::open("/run/dboot", O_PATH | O_DIRECTORY);
  Console console(log, children, devices, permissions, directory, loop.get_executor(), {},
                  log::Level::info);
  CommandTerminal terminal(log, children, console, directory, loop.get_executor());
  auto opening = terminal.open();
  auto stdio = co_await std::move(opening);
  Program command{"/bin/bash",
                  {"bash", "-c",
                   "echo begun; read -r line; echo got-$line; stty size; read -r\n"
                   // As a server does whose log is elsewhere: nobody hangs it up.
                   "exec 0<&- 1>&- 2>&-; echo ended >/dev/tty"},
                  {"PATH=/usr/bin:/bin"}};
  auto starting = start_program(children, std::move(command), std::move(stdio), {});
  co_await std::move(starting);
  {
    const auto first = attach_to_command();
    sys::write_all(first.get(), attach::encode(attach::Window{17, 42}) + attach::encode("one\n"));
    seen += read_until(first, "17 42");
  }
  // What has been shown to others before is shown again.
  const auto second = attach_to_command();
  seen += "|" + read_until(second, "17 42");
  sys::write_all(second.get(), attach::encode("\n"));
  seen += "|" + read_until(second, "ended");
  co_await terminal.close();
  seen += "|" + read_until(second, "nothing, for it has ended");
  loop.stop();
}

TEST(CommandTerminal, IsAttachedToAndLeft) {
  const auto seen = as_pid_1([] {
    std::string text;
    boost::asio::io_context loop(1);
    boost::asio::co_spawn(loop, attach_twice(loop, text), boost::asio::detached);
    loop.run();
    return text;
  });
  // What is typed is echoed before the command begins, or after.
  EXPECT_THAT(seen, testing::ContainsRegex("begun.*got-one.*17 42.*\\|.*begun.*got-one.*17 "
                                           "42.*\\|.*ended.*\\|"));
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
  Terminator terminator(log, children, loop.get_executor(), false, start_session());
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

Task<> find_storage_daemons(Children& children, Log& log, std::vector<pid_t> candidates,
                            std::size_t& found) {
  auto looking = process_scan::read_details(log, children, std::move(candidates));
  const auto details = co_await std::move(looking);
  found = details.storage_daemons.size();
}

TEST(StorageDaemons, AreToldHoweverLongItTakesToLookAtAll) {
  boost::asio::io_context loop(1);
  Log log;
  Children children(loop.get_executor(), log);
  Pipe lines;
  log.add_sink(log::sinks::descriptor(lines.in.get()));
  const pid_t daemon = start_sleeping("@daemon");
  while (name_of(daemon) != "@daemon") ::sched_yield();
  // Seconds of work, for some thousand processes on a slow machine.
  constexpr std::size_t many = 500'000;
  std::vector<pid_t> candidates(many, ::getpid());
  candidates.push_back(daemon);
  std::size_t found = 0;
  boost::asio::co_spawn(loop, find_storage_daemons(children, log, std::move(candidates), found),
                        [&](const std::exception_ptr&) { loop.stop(); });
  loop.run();
  ::kill(daemon, SIGKILL);
  EXPECT_EQ(found, 1U);
  EXPECT_EQ(lines.text(), "");
}

Task<> run_blocking(Children& children, blocking::Work work, blocking::Outcome& outcome) {
  auto running = blocking::run(children, "work", 500ms, std::move(work));
  outcome = co_await std::move(running);
}

/// What the work has come to, and the log.
std::pair<blocking::Outcome, std::string> outcome_of(blocking::Work work) {
  boost::asio::io_context loop(1);
  Log log;
  Pipe lines;
  log.add_sink(log::sinks::descriptor(lines.in.get()));
  Children children(loop.get_executor(), log);
  blocking::Outcome outcome;
  boost::asio::co_spawn(loop, run_blocking(children, std::move(work), outcome),
                        [&](const std::exception_ptr&) { loop.stop(); });
  loop.run();
  return {std::move(outcome), lines.text()};
}

TEST(Blocking, WorkThatHangsIsNamedOnceAndGivenUp) {
  const auto [outcome, log] = outcome_of([](const blocking::Report&) { ::pause(); });
  EXPECT_EQ(outcome.end, blocking::Outcome::End::late);
  EXPECT_THAT(log, testing::MatchesRegex("[^\n]* info wake still waiting what=work for=50.0ms "
                                         "pid=[0-9]+ state=S wchan=[^\n]*\n"));
}

TEST(Blocking, WorkWritesIntoTheLogMeanwhile) {
  const auto [outcome, log] = outcome_of([](const blocking::Report& report) {
    report.write("one,\x02n\n");
    report.call("mount", "/a \x02\n", ENOENT);
    report.write("two");
    throw std::runtime_error("\x02 is no line\n");
  });
  EXPECT_EQ(outcome.text, "one,\x02n\ntwo");
  EXPECT_EQ(outcome.error, "\x02 is no line\n");
  EXPECT_THAT(log, testing::EndsWith("debug wake call name=mount about=\"/a \\x02\\n\" "
                                     "result=\"No such file or directory\"\n"));
}

TEST(Blocking, ReportsTextOfAnyLength) {
  const std::string text(100'000, 'x');
  const auto [outcome, log] = outcome_of([&](const blocking::Report& report) {
    report.write(text);
    throw std::runtime_error(text);
  });
  EXPECT_EQ(outcome.text, text);
  EXPECT_EQ(outcome.error, text);
}

Task<> succeed() {
  co_return;
}

Task<> fail() {
  throw std::runtime_error("no such luck");
  co_return;
}

TEST(RunPhase, LogsItsBeginItsEndAndItsFailureWithTheTimeItTook) {
  boost::asio::io_context loop(1);
  Context context(loop.get_executor(), Inheritance());
  Pipe lines;
  context.log.add_sink(log::sinks::descriptor(lines.in.get()));
  std::string failure;
  boost::asio::co_spawn(loop, run_phase(context, "one", succeed()), boost::asio::detached);
  boost::asio::co_spawn(loop, run_phase(context, "two", fail()),
                        [&](const std::exception_ptr& error) {
                          try {
                            std::rethrow_exception(error);
                          } catch (const std::exception& reason) {
                            failure = reason.what();
                          }
                          loop.stop();
                        });
  loop.run();
  EXPECT_EQ(failure, "no such luck");
  EXPECT_THAT(lines.text(), testing::MatchesRegex("[^\n]* info one started line=1\n"
                                                  "[^\n]* info one finished duration=[0-9.]+ms\n"
                                                  "[^\n]* info two started line=3\n"
                                                  "[^\n]* error two failed reason=\"no such luck\" "
                                                  "duration=[0-9.]+ms\n"));
}

Task<> throw_a_number() {
  throw 42;
  co_return;
}

/// Each of two is ready, and whichever is first closes the other and waits for a third that takes
/// its place.
TEST(Patience, IsNotEndedByWhatAnotherDescriptorHad) {
  using Descriptor = boost::asio::posix::stream_descriptor;
  boost::asio::io_context loop(1);
  std::array<Pipe, 2> ready;
  Pipe third;
  std::array<std::unique_ptr<Descriptor>, 2> descriptors;
  std::optional<Patience> patience;
  std::optional<bool> answer;
  for (std::size_t number = 0; number < ready.size(); ++number) {
    sys::write_all(ready.at(number).in.get(), "x");
    descriptors.at(number) = std::make_unique<Descriptor>(loop, ready.at(number).out.release());
    descriptors.at(number)->async_wait(Descriptor::wait_read, [&, number](const auto& error) {
      if (error || patience) return;
      descriptors.at(1 - number).reset();
      patience.emplace(loop.get_executor(), std::move(third.out));
      boost::asio::co_spawn(loop, patience->wait(std::chrono::hours(1)),
                            [&](const std::exception_ptr&, bool readable) { answer = readable; });
    });
  }
  loop.run_for(10ms);
  ASSERT_TRUE(patience);
  EXPECT_EQ(answer, std::nullopt);
  sys::write_all(third.in.get(), "x");
  while (!answer) loop.run_one_for(10ms);
  EXPECT_EQ(answer, true);
}

TEST(RunPhase, MakesAReasonOfWhateverIsThrown) {
  boost::asio::io_context loop(1);
  Context context(loop.get_executor(), Inheritance());
  std::string text;
  context.log.add_sink(log::sinks::memory(text));
  bool has_reason = false;
  boost::asio::co_spawn(loop, run_phase(context, "one", throw_a_number()),
                        [&](const std::exception_ptr& error) {
                          try {
                            std::rethrow_exception(error);
                          } catch (const std::exception&) {
                            has_reason = true;
                          }
                          loop.stop();
                        });
  loop.run();
  EXPECT_TRUE(has_reason);
  EXPECT_THAT(text, HasSubstr("error one failed reason=\"what was thrown is no std::exception\""));
}

}  // namespace
}  // namespace dboot
