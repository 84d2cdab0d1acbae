#include <gmock/gmock.h>

#include "tests/machine/driver/host.hpp"
#include "tests/machine/new_system.hpp"

namespace dboot::machine {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

/// A process that takes its time to shut down, and says at the end that nobody cut it short.
constexpr auto worker =
    "trap \\\"sleep 1; echo finished >/log/NAME; exit\\\" TERM; echo started; "
    "while :; do sleep 1000 & wait \\$!; done";

std::string worker_named(const std::string& name) {
  std::string script = worker;
  script.replace(script.find("NAME"), 4, name);
  return script;
}

void start_database(Shell& shell) {
  shell.output_of(
      "printf '[mariadb]\\nlog_error=/var/lib/mysql/error.log\\n' "
      ">/etc/mysql/mariadb.conf.d/99-log.cnf");
  shell.output_of("systemctl start mariadb", 180s);
  shell.output_of(
      "mariadb -e 'create database d; create table d.t (n int); "
      "insert into d.t values (1)'");
}

/// A container whose first process is an init that passes signals on, and one whose first process
/// neither handles nor blocks SIGTERM.
void start_containers(Shell& shell) {
  const std::string run = "docker run --detach --volume /var/log/workers:/log ";
  shell.output_of(
      run + "--init --name served busybox /bin/sh -c \"" + worker_named("served") + "\"", 120s);
  shell.output_of(run + "--name deaf busybox /bin/sh -c \"/bin/sh -c '" + worker_named("deaf") +
                      "' & wait; wait\"",
                  120s);
  for (const auto* const name : {"served", "deaf"})
    shell.output_of(std::string("timeout 60 sh -c 'until docker logs ") + name +
                        " | grep -q started; do :; done'",
                    90s);
}

TEST(Shutdown, LetsADatabaseAndContainersFinishAndDoesNotWaitForLoginShells) {
  Host host(Host::Console::serial);
  start_database(host.shell());
  start_containers(host.shell());
  host.shell().start("dboot-inject --yes bash -- /bin/bash");
  Serial& console = host.console();
  console.expect("root@host:/# ", 180s);
  Shell shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  shell.output_of("mkdir -p /old && mount -o ro /dev/vda1 /old");
  EXPECT_THAT(shell.output_of("cat /old/var/lib/mysql/error.log"), HasSubstr("Shutdown complete"));
  EXPECT_EQ(shell.output_of("cat /old/var/log/workers/served"), "finished");
  EXPECT_EQ(shell.output_of("cat /old/var/log/workers/deaf"), "finished");
  // Login shells ignore SIGTERM: they got SIGHUP, and nothing was waited for in vain.
  const std::string log = shell.output_of("cat /run/dboot/payload.log");
  EXPECT_THAT(log, ContainsRegex("shells=[2-9]"));
  EXPECT_THAT(log, HasSubstr("killed_after_grace=0"));
}

}  // namespace
}  // namespace dboot::machine
