#include <gmock/gmock.h>

#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

TEST(OnExit, RebootsOrPowersOffAsThePlanSays) {
  for (const auto& [action, end] : {std::pair<std::string, std::string>{"reboot", "guest-reset"},
                                    {"poweroff", "guest-shutdown"}}) {
    SmallHost host;
    host.take_over("--on-exit " + action, "true");
    EXPECT_EQ(host.machine().wait_for_end(), end) << action;
  }
}

TEST(OnExit, StartsTheCommandAgain) {
  SmallHost host;
  host.take_over("--on-exit restart", "sh -c 'echo begun; read line'");
  for (int times = 0; times < 3; ++times) {
    host.console().expect("^begun$", 60s);
    host.console().send_line("");
  }
}

TEST(OnExit, WithoutAConsoleTheMenuIsAReboot) {
  SmallHost host;
  host.take_over("--on-exit menu --console none", "true");
  EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
}

TEST(Requests, OfAPersonAtTheKeyboardAndOfThePowerSupplyAreAnswered) {
  {
    SmallHost host;
    host.take_over("", "sh");
    host.console().expect("^/ # ", 60s);
    host.machine().qmp().press({"ctrl", "alt", "delete"});
    EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
  }
  {
    SmallHost host;
    host.take_over("", "sh");
    host.console().expect("^/ # ", 60s);
    host.console().send_line("kill -PWR 1");
    EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
  }
}

TEST(Requests, OfAShellInTheNewSystemAreAnswered) {
  for (const auto& [command, end] : {std::pair<std::string, std::string>{"reboot", "guest-reset"},
                                     {"poweroff", "guest-shutdown"}}) {
    SmallHost host;
    host.take_over("", "sh");
    host.console().expect("^/ # ", 60s);
    host.console().send_line(command);
    EXPECT_EQ(host.machine().wait_for_end(), end) << command;
  }
}

TEST(Requests, HaltStopsTheMachineAndLeavesItOn) {
  SmallHost host;
  host.take_over("", "sh");
  host.console().expect("^/ # ", 60s);
  host.console().send_line("halt");
  host.console().expect("reboot: System halted");
}

}  // namespace
}  // namespace dboot::machine
