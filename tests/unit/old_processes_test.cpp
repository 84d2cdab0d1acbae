#include "payload/processes/old_processes.hpp"

#include <gmock/gmock.h>
#include <signal.h>

namespace dboot {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Pointer = OldProcesses::Pointer;

Process process(pid_t pid, pid_t parent = 2) {
  Process result;
  result.status.pid = pid;
  result.status.parent = parent;
  result.status.namespace_pids = {pid};
  return result;
}

/// The init of a namespace that its parent keeps.
Process init_in(ino_t space, pid_t pid, pid_t parent) {
  Process result = process(pid, parent);
  result.status.namespace_pids = {pid, 1};
  result.namespaces = {space};
  return result;
}

Process leader(pid_t pid) {
  Process result = process(pid);
  result.status.session = pid;
  result.status.terminal = 1;
  return result;
}

Process led_by(pid_t pid, pid_t leader) {
  Process result = process(pid);
  result.status.session = leader;
  return result;
}

Pointer old(Process what) {
  const auto kind = classify(what, false);
  return std::make_shared<OldProcess>(std::move(what), kind, ProcessHandle(0, 0));
}

TEST(OldProcesses, AllHaveAnsweredWhenEachHasEndedOrIsKilled) {
  OldProcesses processes;
  const auto first = old(process(10));
  const auto second = old(process(11));
  processes.add({first, second});
  EXPECT_FALSE(processes.all_answered());
  processes.note_end(*first);
  EXPECT_FALSE(processes.all_answered());
  processes.note_killed(*second, "late");
  EXPECT_TRUE(processes.all_answered());
  EXPECT_FALSE(processes.all_gone());
  processes.note_end(*second);
  EXPECT_TRUE(processes.all_gone());
}

TEST(OldProcesses, StorageDaemonIsNotWaitedFor) {
  OldProcesses processes;
  auto what = process(10);
  what.storage_daemon = true;
  const auto daemon = old(std::move(what));
  processes.add({daemon});
  EXPECT_TRUE(processes.all_answered() && processes.all_gone());
  EXPECT_TRUE(processes.storage_daemons_left());
  processes.note_end(*daemon);
  EXPECT_FALSE(processes.storage_daemons_left());
}

TEST(OldProcesses, WhatKeepsTheNetworkIsNotAskedAndEndsAllTheSame) {
  OldProcesses processes;
  auto what = process(10);
  what.network_daemon = true;
  const auto daemon = old(std::move(what));
  processes.add({daemon});
  EXPECT_TRUE(processes.all_answered());
  EXPECT_FALSE(processes.all_gone());
  processes.note_end(*daemon);
  EXPECT_TRUE(processes.all_gone());
}

TEST(OldProcesses, LeaderFollowsThoseThatAreThereWithIt) {
  OldProcesses processes;
  const auto first = old(led_by(11, 10));
  const auto second = old(led_by(12, 10));
  const auto shell = old(leader(10));
  processes.add({shell, first, second});
  EXPECT_EQ(shell->followed, 2U);
  processes.note_end(*first);
  EXPECT_THAT(processes.take_leaders(), IsEmpty());
  processes.add({old(led_by(13, 10))});
  processes.note_killed(*second, "late");
  EXPECT_THAT(processes.take_leaders(), ElementsAre(shell));
  EXPECT_THAT(processes.take_leaders(), IsEmpty());
  EXPECT_FALSE(processes.all_answered());
}

TEST(OldProcesses, LeaderThatHasEndedIsNotAsked) {
  OldProcesses processes;
  const auto member = old(led_by(11, 10));
  const auto shell = old(leader(10));
  processes.add({shell, member});
  processes.note_end(*shell);
  processes.note_end(*member);
  EXPECT_THAT(processes.take_leaders(), IsEmpty());
}

TEST(OldProcesses, KeeperGoesWithItsServiceAndAfterEverythingElse) {
  OldProcesses processes;
  auto shim = process(10);
  shim.cgroup = "/system.slice/containerd.service";
  auto manager = process(9);
  manager.cgroup = shim.cgroup;
  const auto keeper = old(shim);
  const auto service = old(manager);
  const auto other = old(process(12));
  const auto init = old(init_in(100, 20, 10));
  processes.add({service, keeper, other, init});
  EXPECT_TRUE(keeper->kept && service->kept);
  EXPECT_FALSE(other->kept || init->kept);
  processes.note_end(*other);
  processes.note_end(*init);
  EXPECT_TRUE(processes.all_answered());
  EXPECT_THAT(processes.take_keepers(), ElementsAre(service, keeper));
  EXPECT_FALSE(processes.all_answered());
}

TEST(OldProcesses, KeepingEndsWithTheLastContainer) {
  OldProcesses processes;
  const auto keeper = old(process(10));
  const auto first = old(init_in(100, 20, 10));
  const auto second = old(init_in(200, 21, 10));
  processes.add({keeper, first, second});
  EXPECT_FALSE(processes.end_of_keeping(*keeper));
  processes.note_end(*first);
  EXPECT_FALSE(processes.end_of_keeping(*keeper));
  processes.note_end(*second);
  EXPECT_TRUE(processes.end_of_keeping(*keeper));
  EXPECT_FALSE(processes.end_of_keeping(*old(process(11))));
}

TEST(OldProcesses, MembersOfANamespaceAreAtAnyDepth) {
  OldProcesses processes;
  const auto init = old(init_in(1000, 20, 10));
  auto what = process(21);
  what.namespaces = {2000, 1000};
  const auto deeper = old(what);
  const auto outside = old(process(22));
  processes.add({init, deeper, outside});
  EXPECT_TRUE(processes.has_members(*init));
  processes.note_end(*deeper);
  EXPECT_FALSE(processes.has_members(*init));
  EXPECT_FALSE(processes.has_members(*outside));
}

}  // namespace
}  // namespace dboot
