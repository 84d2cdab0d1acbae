#include <gmock/gmock.h>

#include "tests/machine/driver/host.hpp"
#include "tests/machine/new_system.hpp"

namespace dboot::machine {
namespace {

using testing::HasSubstr;

/// Everything of a host that a failed takeover could leave behind. Looking mounts what is mounted
/// at the first look.
std::string state_of(Shell& shell) {
  shell.run("ls /proc/sys/fs/binfmt_misc");
  std::string state;
  for (const auto* const look :
       {// Mounts, without their recycled numbers.
        "cut -d' ' -f3- /proc/1/mountinfo | sort",
        "find /run /dev -xdev -not -path '/run/udev/*' -not -path '/run/systemd/*' "
        "-not -path '/run/log/*' -not -path '/dev/char/*' -printf '%p %y %m %l\\n' | sort",
        // Without those that count or draw lots.
        "sysctl -a 2>/dev/null | grep -vE 'random|\\.(inode|dentry|file)-|nr_open|pty\\.nr|"
        "ns_last_pid|fs\\.quota|conntrack_count|kernel\\.ns|sched_domain|perf_event|net\\."
        "netfilter\\.nf_log|"
        "rdist|nr_free|ipv4\\.tcp_.*mem'",
        "find /sys/fs/cgroup -type d | sort", "ip addr show | grep -v valid_lft",
        "docker ps --all --no-trunc --format '{{.ID}} {{.Status}}'",
        "docker images --no-trunc --format '{{.ID}} {{.Repository}}'", "readlink /proc/1/exe",
        "grep -E 'Sig(Blk|Ign|Cgt)|TracerPid' /proc/1/status"})
    state += std::string("# ") + look + '\n' + shell.run(look).text + '\n';
  return state;
}

TEST(Failure, BeforeCommitLeavesTheHostAsItWas) {
  Host host(Host::Console::serial);
  Shell& shell = host.shell();
  // What a first client makes the engine create is there from the beginning.
  shell.run("docker ps");
  const std::string before = state_of(shell);

  struct Case {
    std::string arguments;
    int status;
    std::string words;
  };
  for (const auto& [arguments, status, words] : std::vector<Case>{
           {"no-such-image -- /bin/sh", 125, "no-such-image"},
           {"./no-such-file -- /bin/sh", 125, "no-such-file"},
           {"--host unix:///run/no-such-engine bash -- /bin/sh", 125, "no-such-engine"},
           {"busybox -- /bin/no-such-command", 127, "/bin/no-such-command"},
           {"busybox -- /etc/passwd", 126, "/etc/passwd"},
       }) {
    const Output output = shell.run("dboot-inject --yes " + arguments, 120s);
    EXPECT_EQ(output.status, status) << arguments << ": " << output.text;
    EXPECT_THAT(output.text, HasSubstr(words));
    EXPECT_EQ(state_of(shell), before) << arguments;
  }
}

TEST(Failure, OfAStoppedEngineIsNamedAndChangesNothing) {
  Host host(Host::Console::serial);
  Shell& shell = host.shell();
  shell.output_of("systemctl stop docker.socket docker.service");
  const std::string before = state_of(shell);
  const Output output = shell.run("dboot-inject --yes bash -- /bin/bash");
  EXPECT_EQ(output.status, 125) << output.text;
  EXPECT_THAT(output.text, HasSubstr("docker"));
  EXPECT_EQ(state_of(shell), before);
}

TEST(Failure, OfTheGuardPrintsItsText) {
  Host host(Host::Console::serial);
  Shell& shell = host.shell();
  shell.output_of("mkdir -p /etc/dboot; echo 'Ask Alice first.' >/etc/dboot/deny");
  const std::string before = state_of(shell);
  const Output output = shell.run("dboot-inject --yes --force bash -- /bin/bash");
  EXPECT_EQ(output.status, 125) << output.text;
  EXPECT_THAT(output.text, HasSubstr("Ask Alice first."));
  EXPECT_EQ(state_of(shell), before);
}

}  // namespace
}  // namespace dboot::machine
