#include <gmock/gmock.h>

#include "tests/machine/driver/host.hpp"

namespace dboot::machine {
namespace {

TEST(Supervisor, AsksAgainWhenTheCommandCannotBeStartedAgain) {
  Host host(Host::Console::serial);
  host.shell().output_of(
      "printf '#!/bin/sh\\nrm /root/once\\nexit 3\\n' >/root/once && chmod +x /root/once");
  host.shell().start("dboot-inject --yes --on-exit menu --copy /root/once busybox -- /root/once");
  Serial& console = host.console();
  console.expect("The command has ended \\(exit status 3\\)", 120s);
  console.send("s");
  console.expect("The command cannot be started again \\(.*/root/once.*No such file");
  // A key that means nothing, then a shell.
  console.send("x");
  console.expect("The command cannot be started again");
  console.send("h");
  console.expect("/ # ");
  console.send_line("exit");
  console.expect("The command cannot be started again");
  console.send("p");
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
}

}  // namespace
}  // namespace dboot::machine
