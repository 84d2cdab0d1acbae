#include "injector/inject/injection.hpp"
#include "injector/report.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

#include "injector/failure.hpp"
#include "injector/rehearsal/rehearsal.hpp"
#include "shared/log/log.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/injection/stub_init.hpp"

namespace dboot::inject {
namespace {

using dboot::testing::Condition;
using dboot::testing::eventually;
using dboot::testing::StubInit;
using dboot::testing::Work;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr milliseconds patience{20'000};

Outcome execute(const StubInit& stub, const Program& program, milliseconds deadline = patience) {
  return execute(stub.target(), program, deadline, {});
}

// The message and the mend of the Failure that executing ends in.
std::string failure_of(const StubInit& stub, const Program& program,
                       milliseconds deadline = patience) {
  try {
    execute(stub, program, deadline);
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.status(), exit_status::failed);
    return std::string(failure.what()) + "; " + failure.mend();
  }
  return "no failure";
}

Program probe(std::vector<std::string> arguments = {}) {
  arguments.insert(arguments.begin(), "probe");
  return {DBOOT_EXEC_PROBE, arguments, {}};
}

Program missing() {
  return {"/nonexistent/dboot-init", {"dboot-init"}, {}};
}

class Injection : public ::testing::Test {
 protected:
  Injection() {
    std::string name = fs::temp_directory_path() / "dboot-injection-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~Injection() override { fs::remove_all(directory_); }

  std::string file(const std::string& name, std::string_view content, mode_t mode) const {
    std::string path = directory_ / name;
    sys::write_all(sys::open(path, O_WRONLY | O_CREAT, mode).get(), content);
    return path;
  }
  // What the program that was executed says about how it was started.
  std::string report_of(const StubInit& stub, Program program) const {
    const std::string fifo = directory_ / "report";
    sys::check(::mkfifo(fifo.c_str(), 0600), "mkfifo");
    const UniqueFd reader = sys::open(fifo, O_RDONLY | O_NONBLOCK);
    program.arguments.insert(program.arguments.begin() + 1, fifo);
    EXPECT_EQ(execute(stub, program), Outcome::executed);
    pollfd readable{reader.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&readable, 1, 10'000), 1);
    std::string text(65536, '\0');
    text.resize(static_cast<std::size_t>(
        sys::check(::read(reader.get(), text.data(), text.size()), "read the report")));
    const std::size_t at = text.find(fifo);
    return at == std::string::npos ? text : text.replace(at, fifo.size(), "FIFO");
  }

  fs::path directory_;
};

class InjectionInto : public Injection, public ::testing::WithParamInterface<Work> {};

INSTANTIATE_TEST_SUITE_P(Init, InjectionInto,
                         ::testing::Values(Work::epoll_wait, Work::nanosleep, Work::poll,
                                           Work::futex, Work::sigtimedwait, Work::spin,
                                           Work::threads, Work::crashed),
                         [](const auto& work) { return to_string(work.param); });

TEST_P(InjectionInto, ExecutesWithExactlyTheArgumentsAndEnvironmentGiven) {
  const StubInit stub(GetParam());
  const Program program{DBOOT_EXEC_PROBE, {"name", "two words", ""}, {"A=1", "EMPTY=", "B=x y"}};
  EXPECT_EQ(report_of(stub, program),
            "pid 1\nblocked 1\nargument name\nargument FIFO\nargument two words\nargument \n"
            "environment A=1\nenvironment EMPTY=\nenvironment B=x y\n");
}

TEST_P(InjectionInto, GoesOnUnharmedWhenExecveFails) {
  const StubInit stub(GetParam());
  const std::uint64_t blocked = stub.blocked_signals();
  const std::string system_call = stub.system_call();
  for (int round = 0; round < 30; ++round) {
    ASSERT_THAT(failure_of(stub, missing()), HasSubstr("No such file or directory"));
    if (GetParam() == Work::crashed) {
      ASSERT_TRUE(eventually([&] { return stub.system_call() == system_call; }));
    } else {
      ASSERT_EQ(stub.condition(), Condition::original);
    }
  }
  EXPECT_EQ(stub.shared().corrupted, 0U);
  // sigtimedwait changes the mask for as long as it waits.
  EXPECT_TRUE(eventually([&] { return stub.blocked_signals() == blocked; }));
  EXPECT_EQ(dboot::testing::status_of(stub.pid()).tracer, 0);
}

TEST_F(Injection, NamesTheErrorOfExecveAndItsMend) {
  const StubInit stub(Work::poll);
  const auto failure = [&](const std::string& path) { return failure_of(stub, {path, {"x"}, {}}); };
  EXPECT_THAT(
      failure("/nonexistent"),
      HasSubstr("could not execute /nonexistent: No such file or directory; it must exist"));
  EXPECT_THAT(failure(file("plain",
                           "\x7f"
                           "ELF",
                           0644)),
              HasSubstr("Permission denied; it must be an executable file (chmod +x)"));
  EXPECT_THAT(failure(file("garbage", "garbage", 0755)),
              HasSubstr("Exec format error; it must be a static ELF program"));
  const std::string busy = file("busy",
                                "\x7f"
                                "ELF",
                                0755);
  const UniqueFd writer = sys::open(busy, O_WRONLY);
  EXPECT_THAT(failure(busy), HasSubstr("Text file busy; somebody has it open"));
  EXPECT_EQ(stub.condition(), Condition::original);
}

TEST_F(Injection, LongArgumentsFitBelowTheStack) {
  const StubInit stub(Work::poll);
  const std::string word(20'000, 'x');
  const std::string report = report_of(stub, {DBOOT_EXEC_PROBE, {"name", word}, {}});
  EXPECT_THAT(report, HasSubstr("argument " + word + "\n"));
}

TEST_F(Injection, ArgumentsThatDoNotFitAreRefusedAndChangeNothing) {
  const StubInit stub(Work::poll);
  EXPECT_THAT(failure_of(stub, probe({std::string(std::size_t{64} << 20, 'x')})),
              HasSubstr("of its main stack to spare"));
  EXPECT_EQ(stub.condition(), Condition::original);
}

TEST_F(Injection, SignalsThatArriveMeanwhileAreDeliveredOnceEach) {
  const StubInit stub(Work::epoll_wait);
  constexpr std::uint32_t signals = 2000;
  const pid_t sender = ::fork();
  if (sender == 0) {
    for (std::uint32_t sent = 0; sent < signals;) {
      if (::sigqueue(stub.pid(), SIGRTMIN, {}) == 0) ++sent;
      ::sched_yield();
    }
    ::_exit(0);
  }
  while (::waitpid(sender, nullptr, WNOHANG) == 0) {
    ASSERT_THAT(failure_of(stub, missing()), HasSubstr("No such file or directory"));
  }
  EXPECT_TRUE(eventually([&] { return stub.shared().signals == signals; }));
  EXPECT_EQ(stub.condition(), Condition::original);
}

TEST_F(Injection, InitInVforkIsLeftAloneAtTheDeadline) {
  StubInit stub(Work::vfork);
  const std::string failure = failure_of(stub, probe(), milliseconds(200));
  EXPECT_THAT(failure, HasSubstr("did not stop within 200 ms: it is in state D"));
  EXPECT_THAT(failure, HasSubstr("vfork"));
  stub.release();
  EXPECT_EQ(stub.condition(), Condition::original);
  EXPECT_EQ(execute(stub, probe()), Outcome::executed);
}

TEST_F(Injection, TracerOfInitIsNamed) {
  const StubInit stub(Work::poll);
  std::array<int, 2> ends{};
  sys::check(::pipe(ends.data()), "pipe");
  const UniqueFd attached(ends[0]);
  const pid_t tracer = ::fork();
  if (tracer == 0) {
    ::ptrace(PTRACE_SEIZE, stub.pid(), nullptr, 0);
    [[maybe_unused]] const ssize_t told = ::write(ends[1], "x", 1);
    for (;;) ::pause();
  }
  char byte = 0;
  EXPECT_EQ(::read(attached.get(), &byte, 1), 1);
  ::close(ends[1]);
  const std::string named = "is being traced by process " + std::to_string(tracer);
  EXPECT_THAT(failure_of(stub, probe()), HasSubstr(named));
  try {
    check_traceable(stub.target());
    ADD_FAILURE() << "a traced init is not traceable";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr(named));
  }
  ::kill(tracer, SIGKILL);
  ::waitpid(tracer, nullptr, 0);
  EXPECT_EQ(stub.condition(), Condition::original);
}

TEST_F(Injection, SuspendedInitIsRefusedAndStaysSuspended) {
  const StubInit stub(Work::poll);
  ::kill(stub.pid(), SIGSTOP);
  const auto state = [&] { return dboot::testing::status_of(stub.pid()).state; };
  ASSERT_TRUE(eventually([&] { return state() == 'T'; }));
  EXPECT_THAT(failure_of(stub, probe()), HasSubstr("is stopped by a signal"));
  EXPECT_EQ(state(), 'T');
  ::kill(stub.pid(), SIGCONT);
  EXPECT_EQ(stub.condition(), Condition::original);
}

TEST_F(Injection, StaticInitIsTakenOver) {
  const StubInit stub({"/bin/busybox", "sleep", "1000"});
  const std::string system_call = stub.system_call();
  EXPECT_THAT(failure_of(stub, missing()), HasSubstr("No such file or directory"));
  EXPECT_EQ(execute(stub, probe()), Outcome::executed);
}

TEST_F(Injection, InitWithoutTheInstructionsToRestoreItselfIsRestoredByTheTracer) {
  const StubInit stub({DBOOT_BARE_INIT});
  ::testing::internal::CaptureStderr();
  report::begin(log::Level::warning);
  for (int round = 0; round < 20; ++round) {
    ASSERT_THAT(failure_of(stub, missing()), HasSubstr("No such file or directory"));
    ASSERT_EQ(dboot::testing::status_of(stub.pid()).tracer, 0);
  }
  EXPECT_EQ(execute(stub, probe()), Outcome::executed);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("lacks the instructions"));
}

TEST_F(Injection, NothingHappensWhenTheCallerCancelsBeforeTheAttach) {
  const StubInit stub(Work::poll);
  bool undone = false;
  const Hooks hooks{[] { throw Failure("no room", "make some"); }, [&] { undone = true; }};
  EXPECT_THROW(execute(stub.target(), probe(), patience, hooks), Failure);
  EXPECT_FALSE(undone);
  EXPECT_EQ(stub.condition(), Condition::original);
}

// Where /proc is the target's own, its pid there is another one.
TEST_F(Injection, WorksFromWithinTheMountNamespaceOfTheTarget) {
  const Rehearsal rehearsal(Rehearsal::Stdio::console);
  const UniqueFd own = sys::open("/proc/self/ns/mnt", O_RDONLY);
  rehearsal.target().enter();
  std::string failure;
  try {
    execute(rehearsal.target(), missing(), patience, {});
  } catch (const Failure& caught) {
    failure = caught.what();
  }
  const Outcome outcome = execute(rehearsal.target(), probe(), patience, {});
  sys::check(::setns(own.get(), CLONE_NEWNS), "setns");
  EXPECT_THAT(failure, HasSubstr("No such file or directory"));
  EXPECT_EQ(outcome, Outcome::executed);
}

TEST_F(Injection, OwnPid1IsNoInitOfANamespace) {
  EXPECT_THROW(Target::init_of_namespace(1), Failure);
}

TEST_F(Injection, ProcessThatIsNoInitIsRefused) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  EXPECT_THROW(Target::init_of_namespace(child), Failure);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_F(Injection, InitThatHasEndedIsRefused) {
  auto stub = std::make_unique<StubInit>(Work::poll);
  const Target target = stub->target();
  stub.reset();
  EXPECT_THROW(execute(target, probe(), patience, {}), Failure);
}

}  // namespace
}  // namespace dboot::inject
