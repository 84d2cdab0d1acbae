#include <gmock/gmock.h>

#include <fstream>

#include "tests/machine/driver/child.hpp"
#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using testing::HasSubstr;

/// The smallest policy in which a shell, once it has gone to shell_t, may execute what lies in a
/// tmpfs, as the payload does, and PID 1 may not. What it does not speak of is allowed.
constexpr const char* denies_pid_1 = R"(
(handleunknown allow)
(mls false)
(class file (execute execute_no_trans))
(class process (transition dyntransition))
(classorder (file process))
(sid kernel)
(sid security)
(sid unlabeled)
(sidorder (kernel security unlabeled))
(sensitivity s0)
(sensitivityorder (s0))
(category c0)
(categoryorder (c0))
(sensitivitycategory s0 (c0))
(level low (s0))
(levelrange all (low low))
(user u)
(role r)
(role object_r)
(userrole u r)
(userrole u object_r)
(userlevel u low)
(userrange u all)
(type kernel_t)
(type shell_t)
(type file_t)
(type tmpfs_t)
(roletype r kernel_t)
(roletype r shell_t)
(roletype object_r file_t)
(roletype object_r tmpfs_t)
(sidcontext kernel (u r kernel_t all))
(sidcontext security (u object_r file_t all))
(sidcontext unlabeled (u object_r file_t all))
(fsuse trans tmpfs (u object_r tmpfs_t all))
(allow kernel_t shell_t (process (dyntransition)))
(allow kernel_t file_t (file (execute execute_no_trans)))
(allow shell_t file_t (file (execute execute_no_trans)))
(allow shell_t tmpfs_t (file (execute execute_no_trans)))
)";
constexpr const char* and_allows_it =
    "(allow kernel_t tmpfs_t (file (execute execute_no_trans)))\n";

/// Compiled, for the machine's /opt.
std::string policy(const std::string& text) {
  const std::string source = files::artefact("policy.cil");
  std::ofstream(source) << text;
  const std::string compiled = files::artefact("policy");
  const auto made = run_program({"secilc", "-o", compiled, "-f", "/dev/null", source});
  if (made.status != 0) throw std::runtime_error("secilc: " + made.text);
  return compiled;
}

/// The shell is in shell_t then, and the policy is enforced.
void enforce(Shell& shell) {
  shell.output_of("mount -t selinuxfs selinuxfs /sys/fs/selinux");
  shell.output_of("dd if=/opt/policy of=/sys/fs/selinux/load bs=1M");
  shell.output_of("echo -n u:r:shell_t >/proc/self/attr/current");
  shell.output_of("echo 1 >/sys/fs/selinux/enforce");
}

TEST(SeLinux, ThatDeniesPid1ThePayloadIsAReasonToRefuse) {
  SmallHost host(
      {.root = "disk", .command_line = "security=selinux", .files = {policy(denies_pid_1)}});
  Shell& shell = host.shell();
  enforce(shell);
  const Output refused = shell.run("dboot-inject --yes /opt/busybox.tar sh");
  EXPECT_EQ(refused.status, 125);
  EXPECT_THAT(refused.text, HasSubstr("its policy denies that PID 1 (u:r:kernel_t) executes the "
                                      "payload (u:object_r:tmpfs_t): execute"));
  EXPECT_THAT(refused.text, HasSubstr("to mend it: make SELinux permissive for the takeover"));
  shell.output_of("echo 0 >/sys/fs/selinux/enforce");
  host.take_over("", "sh");
  host.console().expect("^/ # ", 60s);
}

TEST(SeLinux, ThatAllowsItIsAWarning) {
  SmallHost host({.root = "disk",
                  .command_line = "security=selinux",
                  .files = {policy(std::string(denies_pid_1) + and_allows_it)}});
  enforce(host.shell());
  host.take_over("", "sh");
  host.machine().line().expect("warning: SELinux is enforcing.*context=u:r:kernel_t");
  host.console().expect("^/ # ", 60s);
  host.console().send_line("cat /proc/1/attr/current");
  host.console().expect("^u:r:kernel_t");
}

}  // namespace
}  // namespace dboot::machine
