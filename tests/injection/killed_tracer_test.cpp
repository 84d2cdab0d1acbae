#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <random>
#include <sstream>

#include "injector/failure.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/injection/stub_init.hpp"

// kill -9 of those who inject, wherever they stand: PID 1 has executed the program, or goes on as
// before, and nothing else.
namespace dboot::inject {
namespace {

using dboot::testing::Condition;
using dboot::testing::eventually;
using dboot::testing::StubInit;
using dboot::testing::Work;
using ::testing::AnyOf;

constexpr const char* missing = "/nonexistent/dboot-init";
constexpr int executed = 0, unknown = 1;

// A command with its standard output on a pipe.
class Command {
 public:
  explicit Command(std::vector<std::string> words) {
    std::array<int, 2> ends{};
    sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
    output_.reset(ends[0]);
    const UniqueFd write_end(ends[1]);
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    const int error =
        ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) sys::fail(error, {"spawn ", words[0]});
  }
  ~Command() {
    if (pid_ > 0) {
      kill();
      status();
    }
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  pid_t pid() const noexcept { return pid_; }
  void kill() const { ::kill(pid_, SIGKILL); }
  // Its exit status, or 128 and the signal.
  int status() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  // What it and its children wrote, once all of them have ended.
  std::string output() const {
    std::string text;
    std::array<char, 256> piece{};
    for (;;) {
      pollfd readable{output_.get(), POLLIN, 0};
      if (::poll(&readable, 1, 10'000) != 1) return text + "(goes on)";
      const ssize_t got = ::read(output_.get(), piece.data(), piece.size());
      if (got <= 0) return text;
      text.append(piece.data(), static_cast<std::size_t>(got));
    }
  }

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
};

// The child that traces, if there is one now.
pid_t tracer_of(const Command& injector) {
  const std::string pid = std::to_string(injector.pid());
  std::istringstream children(
      sys::read_file_or_empty("/proc/" + pid + "/task/" + pid + "/children"));
  pid_t child = 0;
  children >> child;
  return child;
}

// What the injector says must be what has happened.
void expect_agreement(int status, const StubInit& stub) {
  const Condition condition = stub.condition();
  EXPECT_THAT(condition, AnyOf(Condition::original, Condition::executed));
  if (status == executed) {
    EXPECT_EQ(condition, Condition::executed);
  }
  if (status == exit_status::failed) {
    EXPECT_EQ(condition, Condition::original);
  }
  if (condition == Condition::original) {
    EXPECT_EQ(dboot::testing::status_of(stub.pid()).tracer, 0);
  }
}

const auto every_work =
    ::testing::Values(Work::epoll_wait, Work::nanosleep, Work::poll, Work::futex,
                      Work::sigtimedwait, Work::spin, Work::threads);
const auto name_of_work = [](const auto& work) { return to_string(work.param); };

class KilledTracer : public ::testing::TestWithParam<Work> {};
INSTANTIATE_TEST_SUITE_P(Init, KilledTracer, every_work, name_of_work);

// strace kills whoever enters that call for the nth time, and the call has no effect.
int status_when_killed_at(const std::string& call, int nth, const StubInit& stub,
                          const std::string& program) {
  Command strace({"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e",
                  "inject=" + call + ":signal=SIGKILL:when=" + std::to_string(nth),
                  DBOOT_INJECT_ONCE, std::to_string(stub.pid()), program});
  return strace.status();
}

// Up to the last call, and once more for a round that gets through.
void kill_at_each_call(Work work, const std::string& program, int status_when_not_killed) {
  {
    const StubInit stub(work);
    EXPECT_EQ(status_when_killed_at("process_vm_writev", 1, stub, program), exit_status::failed);
    expect_agreement(exit_status::failed, stub);
  }
  constexpr int more_than_all = 13;
  for (int nth = 1; nth <= more_than_all; ++nth) {
    SCOPED_TRACE("killed at the ptrace call number " + std::to_string(nth));
    const StubInit stub(work);
    const int status = status_when_killed_at("ptrace", nth, stub, program);
    EXPECT_THAT(status, AnyOf(executed, unknown, exit_status::failed));
    if (nth == more_than_all) {
      EXPECT_EQ(status, status_when_not_killed);
    }
    expect_agreement(status, stub);
  }
}

TEST_P(KilledTracer, AtEveryCallOfAnExecveThatFails) {
  kill_at_each_call(GetParam(), missing, exit_status::failed);
}

TEST_P(KilledTracer, AtEveryCallOfAnExecveThatWorks) {
  kill_at_each_call(GetParam(), DBOOT_EXEC_PROBE, executed);
}

// The numbers of the rounds of one test.
struct Tally {
  int original = 0, executed = 0, other = 0;
};

enum class Victim { tracer, both };

Tally kill_at_random(Victim victim, const std::string& program, unsigned seed, int rounds) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> microseconds(0, 5000);
  Tally tally;
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round) + " with seed " + std::to_string(seed));
    const StubInit stub(static_cast<Work>(round % 7));
    Command injector({DBOOT_INJECT_ONCE, std::to_string(stub.pid()), program});
    pid_t tracer = 0;
    eventually([&] {
      tracer = tracer_of(injector);
      return tracer != 0 || ::kill(injector.pid(), 0) != 0 ||
             dboot::testing::status_of(injector.pid()).state == 'Z';
    });
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::microseconds(microseconds(random));
    while (std::chrono::steady_clock::now() < until) {
    }
    if (victim == Victim::both) injector.kill();
    if (tracer != 0) ::kill(tracer, SIGKILL);
    const int status = injector.status();
    if (victim == Victim::tracer) expect_agreement(status, stub);
    const Condition condition = stub.condition();
    EXPECT_THAT(condition, AnyOf(Condition::original, Condition::executed));
    ++(condition == Condition::original   ? tally.original
       : condition == Condition::executed ? tally.executed
                                          : tally.other);
  }
  ::testing::Test::RecordProperty("original", tally.original);
  ::testing::Test::RecordProperty("executed", tally.executed);
  std::cout << "seed " << seed << ": original " << tally.original << ", executed " << tally.executed
            << ", neither " << tally.other << "\n";
  return tally;
}

TEST(KilledAtRandom, TracerWhenExecveFails) {
  EXPECT_EQ(kill_at_random(Victim::tracer, missing, 20260101, 210).original, 210);
}
TEST(KilledAtRandom, TracerWhenExecveWorks) {
  EXPECT_EQ(kill_at_random(Victim::tracer, DBOOT_EXEC_PROBE, 20260102, 210).other, 0);
}
TEST(KilledAtRandom, TracerAndInjectorWhenExecveFails) {
  EXPECT_EQ(kill_at_random(Victim::both, missing, 20260103, 210).original, 210);
}
TEST(KilledAtRandom, TracerAndInjectorWhenExecveWorks) {
  EXPECT_EQ(kill_at_random(Victim::both, DBOOT_EXEC_PROBE, 20260104, 210).other, 0);
}

// An init in vfork keeps the tracer waiting, so that the injector can be killed meanwhile.
class KilledInjector : public ::testing::Test {
 protected:
  KilledInjector() : stub_(Work::vfork) {}
  bool is_traced() const { return dboot::testing::status_of(stub_.pid()).tracer != 0; }

  StubInit stub_;
};

TEST_F(KilledInjector, ItsTracerUndoesWhatItAttachedAtOnce) {
  Command injector({DBOOT_INJECT_ONCE, std::to_string(stub_.pid()), missing, "60000"});
  ASSERT_TRUE(eventually([&] { return is_traced(); }));
  injector.kill();
  injector.status();
  EXPECT_EQ(injector.output(), "undone");
  stub_.release();
  EXPECT_EQ(stub_.condition(), Condition::original);
}

TEST_F(KilledInjector, ItsTracerDoesNotGoOnWithoutIt) {
  Command injector({DBOOT_INJECT_ONCE, std::to_string(stub_.pid()), DBOOT_EXEC_PROBE});
  ASSERT_TRUE(eventually([&] { return is_traced(); }));
  injector.kill();
  injector.status();  // by then the tracer has been told, too
  stub_.release();
  EXPECT_EQ(injector.output(), "undone");
  EXPECT_EQ(stub_.condition(), Condition::original);
}

TEST_F(KilledInjector, NothingIsUndoneTwice) {
  Command injector({DBOOT_INJECT_ONCE, std::to_string(stub_.pid()), missing, "200"});
  EXPECT_EQ(injector.status(), exit_status::failed);
  EXPECT_EQ(injector.output(), "");
}

}  // namespace
}  // namespace dboot::inject
