#include <gmock/gmock.h>

#include "injector/doctor/opinion.hpp"

namespace dboot::doctor {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::uint64_t gib = std::uint64_t{1} << 30U;

ProcessStatus process(pid_t pid, pid_t parent, const std::string& name, char state) {
  ProcessStatus status;
  status.pid = pid;
  status.parent = parent;
  status.name = name;
  status.state = state;
  return status;
}

TEST(Doctor, InitThatCollectsNobodyMayHaveCrashed) {
  const auto init = process(1, 0, "systemd", 'S');
  EXPECT_EQ(on_init({init, process(2, 1, "sh", 'S')}, 40).state, State::good);
  EXPECT_EQ(on_init({init, process(2, 1, "sh", 'S'), process(3, 2, "true", 'Z')}, 40).state,
            State::good);
  const auto crashed = on_init({init, process(2, 1, "sh", 'Z')}, 40);
  EXPECT_EQ(crashed.state, State::careful);
  EXPECT_THAT(crashed.what, HasSubstr("PID 1 (systemd) has not collected 1"));
  EXPECT_THAT(crashed.advice, HasSubstr("works all the same"));
  EXPECT_THAT(on_init({init}, 3).what, HasSubstr("has crashed, and stands still"));
  EXPECT_EQ(on_init({process(1, 0, "sh", 'S')}, 3).state, State::good);
}

TEST(Doctor, MemoryIsHeldAgainstTheImage) {
  EXPECT_EQ(on_memory(4 * gib, 0).state, State::good);
  EXPECT_EQ(on_memory(gib / 4, 0).state, State::careful);
  EXPECT_EQ(on_memory(4 * gib, gib).state, State::good);
  EXPECT_EQ(on_memory(4 * gib, 4 * gib).state, State::bad);
  EXPECT_EQ(on_memory(0, 1).state, State::bad);
  EXPECT_THAT(on_memory(gib, 2 * gib).what, HasSubstr("the new root needs 2.0 GiB"));
}

TEST(Doctor, DisksThatStayBusyAreNoReasonToRefuse) {
  forecast::Host host;
  EXPECT_THAT(on_disks(host).at(0).what, HasSubstr("none is in use"));
  forecast::Disk free;
  free.name = "vda";
  free.uses = {{"ext4", "/", {}}};
  forecast::Disk busy;
  busy.name = "vdb";
  busy.kept_by = {{{"bcache0", ""}, "bcache", "echo 1 >stop"}};
  host.disks.disks = {free, busy};
  const auto findings = on_disks(host);
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].what, "vda will be free, now ext4 on /");
  EXPECT_EQ(findings[1].state, State::careful);
  EXPECT_THAT(findings[1].what, AllOf(HasSubstr("vdb stays busy"), HasSubstr("echo 1 >stop")));
  host.disks_are_known = false;
  EXPECT_THAT(on_disks(host).at(0).advice, HasSubstr("mount /sys"));
}

TEST(Doctor, TellsWhatIsLostAndWhatTakesItsTime) {
  forecast::Host host;
  host.processes.slow = {{"postgres", "database", {7}}};
  host.mounts.remote = {{"nfs4", "/srv"}};
  host.mounts.lost = {"/run", "/tmp", "/dev/shm"};
  const auto page = text(on_what_ends(host), false);
  EXPECT_THAT(page,
              AllOf(HasSubstr("postgres (pid 7): database"), HasSubstr("stop postgres before"),
                    HasSubstr("nfs4 on /srv: its server must answer"),
                    HasSubstr("in memory only: /tmp\n")));
  EXPECT_EQ(on_consoles({}).state, State::careful);
  EXPECT_EQ(on_network({}).at(0).state, State::careful);
}

TEST(Doctor, TableIsForAPersonAndJsonForAProgram) {
  const Findings findings{{State::good, "kernel", "Linux", ""},
                          {State::bad, "memory", "little\033", "add some"}};
  EXPECT_FALSE(works(findings));
  EXPECT_TRUE(works({findings.front()}));
  EXPECT_EQ(text(findings, false),
            "good      kernel    Linux\n"
            "bad       memory    little\\x1b\n"
            "                    advice: add some\n"
            "A takeover would not work: memory.\n");
  EXPECT_THAT(text(findings, true), HasSubstr("\033[1;31mbad       \033[m"));
  EXPECT_THAT(json(findings),
              AllOf(HasSubstr(R"("works":false)"),
                    HasSubstr(R"({"state":"good","about":"kernel","what":"Linux","advice":null})"),
                    HasSubstr(R"("advice":"add some")"), testing::EndsWith("}\n")));
}

}  // namespace
}  // namespace dboot::doctor
