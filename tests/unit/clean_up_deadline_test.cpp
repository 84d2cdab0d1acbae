#include "injector/clean_up_deadline.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "injector/interruption.hpp"
#include "tests/support/failure_of.hpp"

namespace dboot {
namespace {

using testing::HasSubstr;

constexpr std::chrono::milliseconds now(0);
constexpr std::chrono::hours later(1);

/// In a process of its own, whose signals are nobody else's.
bool is_true_where_signals_are_caught(const std::function<bool()>& holds) {
  const pid_t child = ::fork();
  if (child == 0) {
    interruption::catch_signals();
    ::_exit(holds() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0;
}

bool has_passed(CleanUpDeadline& deadline) {
  return !deadline.wait(now);
}

TEST(CleanUpDeadline, PassesByItself) {
  CleanUpDeadline deadline(now, later);
  EXPECT_THAT(failure_of([&] { deadline.check(); }), HasSubstr("not done within 0 s"));
  CleanUpDeadline another(later, now);
  EXPECT_FALSE(has_passed(another));
}

TEST(CleanUpDeadline, IsTheShorterOneOnceTheUserHasInterrupted) {
  EXPECT_TRUE(is_true_where_signals_are_caught([] {
    ::raise(SIGINT);
    CleanUpDeadline deadline(later, now);
    return has_passed(deadline);
  }));
  EXPECT_TRUE(is_true_where_signals_are_caught([] {
    CleanUpDeadline deadline(later, now);
    const bool before = has_passed(deadline);
    ::raise(SIGTERM);
    return !before && has_passed(deadline);
  }));
}

TEST(CleanUpDeadline, PassesWithTheSecondInterruption) {
  EXPECT_TRUE(is_true_where_signals_are_caught([] {
    CleanUpDeadline deadline(later, later);
    ::raise(SIGINT);
    const bool before = has_passed(deadline);
    ::raise(SIGINT);
    return !before && has_passed(deadline);
  }));
}

TEST(CleanUpDeadline, InterruptionsBeforeItCountAsOne) {
  EXPECT_TRUE(is_true_where_signals_are_caught([] {
    ::raise(SIGINT);
    ::raise(SIGHUP);
    CleanUpDeadline deadline(later, later);
    const bool before = has_passed(deadline);
    ::raise(SIGINT);
    return !before && has_passed(deadline);
  }));
}

}  // namespace
}  // namespace dboot
