#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/sysmacros.h>

#include "payload/cgroups/free_controllers.hpp"
#include "payload/cgroups/hierarchy.hpp"
#include "payload/children/resource_limits.hpp"
#include "payload/console/kernel_log.hpp"
#include "payload/devices/users.hpp"
#include "payload/init/supervisor.hpp"
#include "payload/permissions.hpp"
#include "payload/release/kernel_helpers.hpp"
#include "payload/sequence.hpp"
#include "shared/console/console_choice.hpp"
#include "shared/plan/phases.hpp"
#include "shared/proc/process_class.hpp"

namespace dboot {
namespace {

using testing::ElementsAre;

Process process(std::uint64_t ignored = 0, std::uint64_t caught = 0, std::uint64_t blocked = 0) {
  Process result;
  result.status.pid = 100;
  result.status.namespace_pids = {100};
  result.status.ignored = ignored;
  result.status.caught = caught;
  result.status.blocked = blocked;
  return result;
}

constexpr auto term = signal_bit(SIGTERM);

TEST(ProcessClass, OrdinaryProcessReacts) {
  EXPECT_EQ(classify(process(), false), ProcessClass::reacts);
  EXPECT_EQ(classify(process(0, term), false), ProcessClass::reacts);
}

TEST(ProcessClass, ProcessThatIgnoresSigtermIsDeaf) {
  EXPECT_EQ(classify(process(term), false), ProcessClass::deaf);
}

TEST(ProcessClass, ProcessThatBlocksSigtermReactsEvenWhenItIgnoresIt) {
  EXPECT_EQ(classify(process(0, 0, term), false), ProcessClass::reacts);
  EXPECT_EQ(classify(process(term, 0, term), false), ProcessClass::reacts);
}

TEST(ProcessClass, BlockedAndPendingMeansThatNobodyTakesIt) {
  auto taken = process(0, 0, term).status;
  EXPECT_FALSE(leaves_sigterm_pending(taken));
  taken.pending = term;
  EXPECT_TRUE(leaves_sigterm_pending(taken));
}

TEST(ProcessClass, InitOfNestedNamespaceIsToldByItsNumberThere) {
  auto init = process();
  init.status.namespace_pids = {100, 1};
  EXPECT_EQ(classify(init, false), ProcessClass::namespace_init);
  init.status.ignored = term;
  EXPECT_EQ(classify(init, false), ProcessClass::namespace_init);
  init.status.caught = term;
  EXPECT_EQ(classify(init, false), ProcessClass::reacts);
}

TEST(ProcessClass, ShellIsWhatIgnoresSigtermAndCatchesSighupOnATerminal) {
  auto shell = process(term, signal_bit(SIGHUP));
  EXPECT_EQ(classify(shell, false), ProcessClass::deaf);
  shell.status.terminal = 1;
  EXPECT_EQ(classify(shell, false), ProcessClass::shell);
  shell.status.caught |= term;
  EXPECT_EQ(classify(shell, false), ProcessClass::reacts);
}

TEST(ProcessClass, LeaderThatSigtermJustEndsGoesAfterItsSession) {
  auto leader = process();
  leader.status.session = leader.status.pid;
  EXPECT_FALSE(leads_blindly(leader));  // without a terminal nothing is hung up
  leader.status.terminal = 1;
  EXPECT_TRUE(leads_blindly(leader));
  leader.status.caught = term;
  EXPECT_FALSE(leads_blindly(leader));
}

TEST(ProcessClass, KernelThreadsAndZombiesAreNoneToEnd) {
  auto thread = process();
  thread.status.kernel_thread = true;
  EXPECT_EQ(classify(thread, false), ProcessClass::kernel_thread);
  EXPECT_EQ(classify(process(term), true), ProcessClass::zombie);
}

TEST(ProcessClass, StorageDaemonComesBeforeHowItReacts) {
  auto daemon = process(term);
  daemon.storage_daemon = true;
  EXPECT_EQ(classify(daemon, false), ProcessClass::storage_daemon);
}

TEST(ProcessClass, WhatWouldTakeTheNetworkAlongIsNotAsked) {
  auto daemon = process(term);
  daemon.network_daemon = true;
  EXPECT_EQ(classify(daemon, false), ProcessClass::network_daemon);
}

TEST(ProcessClass, InitThatSleepsInSigwaitReactsAlthoughTheSignalLooksUnblocked) {
  Process init = process();
  init.status.namespace_pids = {42, 1};
  EXPECT_EQ(classify(init, false), ProcessClass::namespace_init);
  init.awaits_signals = true;
  EXPECT_EQ(classify(init, false), ProcessClass::reacts);
}

TEST(ProcessClass, ServiceIsOneOfTheHost) {
  Process shim = process();
  shim.cgroup = "/system.slice/containerd.service";
  EXPECT_EQ(service_of(shim), "/system.slice/containerd.service");
  shim.namespaces = {7};  // in the container, with the host's cgroup
  EXPECT_EQ(service_of(shim), "");
  Process other = process();
  other.cgroup = "/user.slice/session-1.scope";
  EXPECT_EQ(service_of(other), "");
}

TEST(Permissions, NamespaceAllowsOnlyWhatStaysInside) {
  const std::vector<Action> inside{Action::end_processes, Action::unmount,       Action::pivot,
                                   Action::mount_api,     Action::start_command, Action::send_log};
  const Permissions permissions(Scope::in_namespace, false, false);
  for (int number = 0; number <= static_cast<int>(Action::reboot); ++number) {
    const auto action = static_cast<Action>(number);
    const bool expected = std::find(inside.begin(), inside.end(), action) != inside.end();
    EXPECT_EQ(permissions.allows(action), expected) << to_string(action);
  }
}

TEST(Permissions, EitherThePlanOrTheKernelMakesItANamespace) {
  EXPECT_FALSE(Permissions(Scope::in_namespace, true, false).on_machine());
  EXPECT_FALSE(Permissions(Scope::machine, false, false).on_machine());
  EXPECT_TRUE(Permissions(Scope::machine, true, false).on_machine());
}

TEST(Permissions, HostnameIsSetOnlyWhereItIsOwn) {
  EXPECT_TRUE(Permissions(Scope::in_namespace, false, true).allows(Action::set_hostname));
  EXPECT_FALSE(Permissions(Scope::in_namespace, false, false).allows(Action::set_hostname));
}

TEST(ConsoleChoice, ScreenIsTheThirdVirtualTerminal) {
  const auto choice = choose_consoles("ttyS0 tty0\n", "auto");
  EXPECT_THAT(choice.log_to, ElementsAre("ttyS0", "tty3"));
  EXPECT_EQ(choice.interactive, "tty3");
}

TEST(ConsoleChoice, LastConsoleIsThePersons) {
  const auto choice = choose_consoles("tty0 ttyS0\n", "auto");
  EXPECT_THAT(choice.log_to, ElementsAre("tty3", "ttyS0"));
  EXPECT_EQ(choice.interactive, "ttyS0");
}

TEST(ConsoleChoice, WantedTerminalIsUsedOnce) {
  const auto choice = choose_consoles("tty0 ttyS0\n", "tty5");
  EXPECT_THAT(choice.log_to, ElementsAre("tty5", "ttyS0"));
  EXPECT_EQ(choice.interactive, "tty5");
}

TEST(ConsoleChoice, NoneMeansNone) {
  EXPECT_EQ(choose_consoles("tty0\n", "none"), ConsoleChoice{});
  EXPECT_EQ(choose_consoles("", "auto"), ConsoleChoice{});
}

TEST(KernelLimits, SoftAndHardLimitsAreRead) {
  const auto limits = parse_limits(
      "Limit                     Soft Limit           Hard Limit           Units     \n"
      "Max open files            1024                 4096                 files     \n"
      "Max stack size            8388608              unlimited            bytes     \n"
      "Max of something new      1                    2                    things    \n");
  ASSERT_EQ(limits.size(), 2U);
  EXPECT_EQ(limits[0].first, RLIMIT_NOFILE);
  EXPECT_EQ(limits[0].second.rlim_cur, 1024U);
  EXPECT_EQ(limits[0].second.rlim_max, 4096U);
  EXPECT_EQ(limits[1].second.rlim_max, RLIM_INFINITY);
}

TEST(KernelLog, ConsoleLevelIsTheFirstNumber) {
  EXPECT_EQ(parse_console_level("4\t4\t1\t7\n"), 4);
  EXPECT_EQ(parse_console_level(""), std::nullopt);
}

TEST(CgroupHierarchies, AreTheUnifiedOneAndThoseOfVersion1) {
  const auto hierarchies = parse_cgroup_hierarchies(
      "4:cpu,cpuacct:/init.scope\n"
      "1:name=systemd:/init.scope\n"
      "no line\n"
      "0::/init.scope:with:colons\n");
  ASSERT_EQ(hierarchies.size(), 3U);
  EXPECT_THAT(hierarchies[0].controllers, ElementsAre("cpu", "cpuacct"));
  EXPECT_THAT(hierarchies[1].controllers, ElementsAre("name=systemd"));
  EXPECT_TRUE(hierarchies[2].unified());
}

TEST(CgroupControllers, AreOfTheUnifiedHierarchyOrOfOneOfVersion1WithItsGroups) {
  const auto controllers = parse_cgroup_controllers(
      "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
      "cpuset\t0\t64\t1\n"
      "memory\t4\t3\t1\n"
      "no line\n");
  ASSERT_EQ(controllers.size(), 2U);
  EXPECT_EQ(controllers[0].hierarchy, 0U);
  EXPECT_EQ(controllers[1].name, "memory");
  EXPECT_EQ(controllers[1].hierarchy, 4U);
  EXPECT_EQ(controllers[1].groups, 3U);
}

TEST(OnExit, MenuNeedsAConsole) {
  EXPECT_EQ(resolve(OnExit::automatic, true), OnExit::menu);
  EXPECT_EQ(resolve(OnExit::automatic, false), OnExit::reboot);
  EXPECT_EQ(resolve(OnExit::menu, false), OnExit::reboot);
  EXPECT_EQ(resolve(OnExit::restart, true), OnExit::restart);
}

TEST(WaitStatus, ReadsAsAPersonSaysIt) {
  EXPECT_EQ(describe_wait_status(3 << 8), "exit status 3");
  EXPECT_EQ(describe_wait_status(9), "signal 9");
}

std::vector<std::string> names(const Sequence& sequence) {
  std::vector<std::string> names;
  for (const auto& phase : sequence.phases()) names.push_back(phase.name);
  return names;
}

Task<> nothing(Context&) {
  co_return;
}

TEST(Sequence, TakesPhasesOfOnesOwn) {
  auto sequence = Sequence::of_dboot_init();
  EXPECT_THAT(names(sequence),
              ElementsAre("wake", "console", "sync", "terminate", "release", "hand-over", "start"));
  sequence.before("wake", {"first", nothing})
      .after("start", {"last", nothing})
      .after("release", {"write", nothing})
      .in_place_of("sync", {"no-sync", nothing})
      .without("hand-over");
  EXPECT_THAT(names(sequence), ElementsAre("first", "wake", "console", "no-sync", "terminate",
                                           "release", "write", "start", "last"));
}

/// What --hook takes.
TEST(Sequence, HasThePhasesThatTheInjectorKnows) {
  EXPECT_THAT(names(Sequence::of_dboot_init()), testing::ElementsAreArray(phase_names));
}

TEST(Sequence, NamesThePhaseThatItHasNot) {
  auto sequence = Sequence::of_dboot_init();
  EXPECT_THAT(
      [&] {
        sequence.before("realise", {"write", nothing});
      },
      testing::ThrowsMessage<std::invalid_argument>("the sequence has no phase realise"));
  EXPECT_THROW(sequence.before("start", {"two words", nothing}), std::invalid_argument);
  EXPECT_THROW(sequence.before("start", {"", nothing}), std::invalid_argument);
  EXPECT_THROW(sequence.in_place_of("start", {"empty", nullptr}), std::invalid_argument);
}

/// What has no file has no device; what is no line of maps is passed over.
TEST(DevicesInMaps, AreThoseOfTheFilesThatAreMapped) {
  EXPECT_THAT(devices_in_maps("55d0c0000000-55d0c0002000 r--p 00000000 fe:01 131 /usr/bin/sleep\n"
                              "7f0c5a000000-7f0c5a021000 rw-p 00000000 00:00 0 [heap]\n"
                              "7f0c5b000000-7f0c5b021000 r-xp 00000000 103:1f 9 /lib/a file.so\n"
                              "7f0c5c000000-7f0c5c021000 r--p 00000000 fe:01 131 /usr/bin/sleep\n"
                              "\nnone\na b c d:e:f g\n"),
              ElementsAre(makedev(0xfe, 1), makedev(0x103, 0x1f)));
}

TEST(FreshHelper, IsWhatTheKernelIsBuiltWith) {
  EXPECT_EQ(fresh_helper("kernel.core_pattern", "|/usr/share/apport/apport %p"), "core");
  EXPECT_EQ(fresh_helper("kernel.core_pattern", "@/run/systemd/coredump"), "core");
  EXPECT_EQ(fresh_helper("kernel.modprobe", "/run/current-system/sw/bin/modprobe"),
            "/sbin/modprobe");
  EXPECT_EQ(fresh_helper("kernel.hotplug", "/sbin/hotplug"), "");
  EXPECT_EQ(fresh_helper("kernel.poweroff_cmd", "/opt/off"), "/sbin/poweroff");
}

TEST(FreshHelper, IsNotNeededWhereNoProgramOfTheOldSystemIsNamed) {
  EXPECT_EQ(fresh_helper("kernel.core_pattern", "core"), std::nullopt);
  EXPECT_EQ(fresh_helper("kernel.core_pattern", "/var/crash/%e.%p"), std::nullopt);
  EXPECT_EQ(fresh_helper("kernel.core_pattern", ""), std::nullopt);
  EXPECT_EQ(fresh_helper("kernel.modprobe", "/sbin/modprobe"), std::nullopt);
  // Nobody loads modules any more: a wish for safety, which the new system shares.
  EXPECT_EQ(fresh_helper("kernel.modprobe", ""), std::nullopt);
  EXPECT_EQ(fresh_helper("kernel.pid_max", "4194304"), std::nullopt);
}

}  // namespace
}  // namespace dboot
