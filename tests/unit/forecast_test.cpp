#include "injector/forecast/forecast.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/sysmacros.h>

#include "tests/unit/forecast_fixture.hpp"

namespace dboot::forecast {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

ProcessStatus process(pid_t pid, const std::string& name, char state = 'S') {
  ProcessStatus status;
  status.pid = pid;
  status.name = name;
  status.state = state;
  status.namespace_pids = {pid};
  return status;
}

std::vector<ProcessStatus> processes_of_a_server() {
  auto kernel_thread = process(2, "kthreadd");
  kernel_thread.kernel_thread = true;
  auto deaf = process(20, "deaf");
  deaf.ignored = signal_bit(SIGTERM);
  auto leader_that_has_ended = process(22, "threaded", 'Z');
  leader_that_has_ended.threads = 2;
  auto inner_init = process(21, "bash");
  inner_init.namespace_pids = {21, 1};
  return {process(1, "systemd"),
          kernel_thread,
          process(10, "systemd-network"),
          process(11, "postgres"),
          process(12, "postgres"),
          process(13, "sh", 'Z'),
          leader_that_has_ended,
          process(14, "dd", 'D'),
          process(15, "qemu-system-x86"),
          deaf,
          inner_init,
          process(99, "dboot-inject")};
}

TEST(Forecast, ProcessesAreCountedAndTheSlowOnesNamed) {
  const auto processes = processes_of(processes_of_a_server(), 99);
  EXPECT_EQ(processes.count, 8U);
  EXPECT_EQ(processes.asked, 7U);
  EXPECT_EQ(processes.killed, 1U);
  std::vector<std::string> slow;
  for (const auto& [name, why, pids] : processes.slow)
    slow.push_back(name + ": " + std::string(why) + ", " + std::to_string(pids.size()));
  EXPECT_THAT(slow, ElementsAre("postgres: database, 2", "dd: uninterruptible, 1",
                                "qemu-system-x86: virtual machine, 1", "bash: container, 1"));
}

TEST(Forecast, MountsThatNeedAServerAndWhatIsOnlyInMemoryAreNamedOnce) {
  const auto mounts = mounts_of(storage_of_a_server().mounts);
  EXPECT_EQ(mounts.count, 8U);
  ASSERT_EQ(mounts.remote.size(), 2U);
  EXPECT_EQ(mounts.remote[0].where, "/mnt/far");
  EXPECT_EQ(mounts.remote[1].type, "fuse.sshfs");
  EXPECT_THAT(mounts.lost, ElementsAre("/run"));
}

TEST(Forecast, OverlayIsInMemoryWhereWhatIsWrittenToItIs) {
  const auto mounts = mounts_of(parse_mount_table(
      "22 1 0:30 / / rw - overlay overlay rw,lowerdir=/squash,upperdir=/run/live/rw\n"
      "23 22 0:31 / /run rw - tmpfs tmpfs rw\n"
      "24 22 254:1 / /var rw - ext4 /dev/vda1 rw\n"
      "25 22 0:32 / /srv rw - overlay overlay rw,lowerdir=/a,upperdir=/var/rw\n"
      "26 22 0:33 / /opt ro - overlay overlay rw,lowerdir=/a:/b\n"));
  EXPECT_THAT(mounts.lost, ElementsAre("/", "/run"));
}

TEST(Forecast, MountsOfTheKernelsOwnAreNothingThatIsLost) {
  const auto mounts =
      mounts_of(parse_mount_table("22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
                                  "23 22 0:31 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"
                                  "24 22 0:32 / /dev/shm rw - tmpfs tmpfs rw\n"));
  EXPECT_THAT(mounts.lost, ElementsAre("/dev/shm"));
}

TEST(Forecast, WhoRemovesAddressesAtItsEndIsNamedOnce) {
  EXPECT_THAT(removers_of_addresses(processes_of_a_server()), ElementsAre("systemd-networkd"));
  EXPECT_THAT(removers_of_addresses({process(4, "dhcpcd"), process(5, "dhcpcd")}),
              ElementsAre("dhcpcd"));
  EXPECT_THAT(removers_of_addresses({process(4, "NetworkManager"), process(5, "wickedd-dhcp4")}),
              ElementsAre("NetworkManager", "wickedd-dhcp4"));
  EXPECT_THAT(removers_of_addresses({process(4, "systemd-network-x"), process(5, "dhcp")}),
              IsEmpty());
}

Forecast forecast_of_a_server() {
  Forecast forecast;
  forecast.refusals = {"a shutdown is inhibited by apt"};
  forecast.image = {"debian", "the image debian of the engine", "sha256:1f", 80U << 20U};
  forecast.memory = {4096ULL << 20U, 90U << 20U, 4000ULL << 20U};
  forecast.from_host = {
      {"kernel modules", "/lib/modules/6.1", "/lib/modules/6.1", 4U << 20U},
      {"file", "/root/key", "/etc/key", 12},
      {"file", "/etc/resolv.conf", "/etc/resolv.conf", 0},
  };
  forecast.payload.path = "/root/own-payload";
  forecast.payload.size = 2U << 20U;
  forecast.payload.digest = "sha256:2e";
  forecast.payload.plans = {1, 1, 3};
  forecast.busybox = "/root/busybox";
  forecast.plan.executable = "/bin/bash";
  forecast.plan.arguments = {"bash", "-c", "\x1b[31m's"};
  forecast.plan.hostname = "server";
  const Place before_release{Moment::before, "release"};
  forecast.plan.hooks.push_back({before_release, {"/run/dboot/hook"}, true});
  forecast.plan.breakpoints.push_back({Moment::after, "sync"});
  Host host;
  host.kernel = "6.1";
  host.disks = disks_of(DeviceGraph(storage_of_a_server()));
  host.mounts = mounts_of(storage_of_a_server().mounts);
  host.processes = processes_of(processes_of_a_server(), 99);
  host.consoles = {{"tty3", "ttyS0"}, "ttyS0"};
  host.network = {
      {{"ens3", {"10.0.2.15/24", "fe80::1/64"}}}, {"systemd-networkd"}, {"10.0.2.100"}, {"lldpd"}};
  host.ssh_session = true;
  forecast.host = host;
  return forecast;
}

/// Who lets in whom, as ssh::keep() says it.
ssh::Kept ssh_of_a_server() {
  ssh::Kept kept;
  kept.command = "ssh ubuntu@10.0.2.15";
  kept.companions.push_back({"ssh server", "/run/dboot/ssh", {"/usr/sbin/sshd"}});
  kept.was_tried = true;
  kept.guests = {{"ubuntu", true, 2, true}, {"root", true, 1, false}, {"eve", false, 0, false}};
  return kept;
}

TEST(Forecast, TellsAPersonWhatWouldHappen) {
  const std::string page = text(forecast_of_a_server());
  const std::string expected = R"(refused      now: a shutdown is inhibited by apt
image        the image debian of the engine, 80.0 MiB
             sha256:1f
new root     90.0 MiB of 4.0 GiB that are available; it may grow to 3.9 GiB
from host    kernel modules: /lib/modules/6.1, 4.0 MiB
             /root/key as /etc/key, 12 bytes
             /etc/resolv.conf
             the hostname server
payload      /root/own-payload, 2.0 MiB
             sha256:2e
             understands plans up to 1.3
last resort  the shell of /root/busybox
starts       bash -c '\x1b[31m'\''s', supervised by the payload
hooks        before:release: /run/dboot/hook, which must succeed
breakpoints  after:sync: a shell, for 600 s
disks        vda is released
               ext4 on /: vda1 on vda
             vdb is released
               taken apart: dm-0 (crypt), device mapper; dm-1 (vg-swap), device mapper
               swap: dm-1 (vg-swap) on dm-0 (crypt) on vdb
             vdc is released
               taken apart: dm-2 (vg-idle), device mapper
             zfs on /pool: its disks are not known, and may stay busy (to end it: zpool export -a)
ends         8 processes: 7 asked, with 10 s; 1 ignoring SIGTERM, killed at once
               may be slow: postgres (2 processes): a database, which writes back what it has in memory
               may be slow: dd (pid 14): waits in the kernel, where no signal reaches it
               may be slow: qemu-system-x86 (pid 15): a virtual machine, whose system is switched off
               may be slow: bash (pid 21): the init of a container, which ends its own processes first
             this ssh session
             8 mounts
               may be slow: nfs4 on /mnt/far: its server must answer
               may be slow: fuse.sshfs on /mnt/sshfs: its server must answer
             what is in memory only: /run
stays        the kernel 6.1, and what is loaded in it
             what is on the disks
             network ens3: 10.0.2.15/24, fe80::1/64
               but for what these take along (--keep-network yes prevents it): systemd-networkd
log in       not over ssh, but for what the new system starts itself
consoles     the log on tty3, ttyS0
             a shell on ttyS0
way back     reboot in the new system, or a reset: the machine starts what is on its disk
             when the command ends, the machine asks on its console what to do, and without one reboots into the system on its disk
             when the takeover fails, the machine offers a shell on its console, and without a key for ten minutes reboots into the system on its disk

The plan:
)";
  EXPECT_EQ(page.substr(0, expected.size()), expected);
  EXPECT_THAT(page, HasSubstr("hostname: server\n"));
}

TEST(Forecast, OfANetworkThatIsKeptSaysWhatIsNot) {
  auto forecast = forecast_of_a_server();
  forecast.plan.keep_network = true;
  EXPECT_THAT(
      text(forecast),
      HasSubstr("               killed last instead of being asked: systemd-networkd\n"
                "               without what a cluster has on this host: 10.0.2.100\n"
                "               what lldpd may take along, by the packets that they hear, is "
                "brought back\n"));
}

TEST(Forecast, SaysWhoMayLogInAndHow) {
  auto forecast = forecast_of_a_server();
  forecast.ssh = ssh_of_a_server();
  EXPECT_THAT(text(forecast),
              HasSubstr("\nlog in       ssh ubuntu@10.0.2.15\n"
                        "               ubuntu, with root's rights, by 2 keys or a password\n"
                        "               root, by a key\n"
                        "               eve, by a certificate\n"
                        "               to the host's ssh server, which comes along; a login of "
                        "each was tried\n"));
  EXPECT_THAT(json(forecast),
              HasSubstr(R"("ssh":{"command":"ssh ubuntu@10.0.2.15","image_server":false,)"
                        R"("host_server":true,"tried":true,"guests":[)"
                        R"({"name":"ubuntu","root":true,"keys":2,"password":true},)"));
}

TEST(Forecast, SaysThatALoginToTheImagesServerIsNotTried) {
  auto forecast = forecast_of_a_server();
  forecast.ssh = ssh_of_a_server();
  forecast.ssh->companions.clear();
  forecast.ssh->by_image = true;
  EXPECT_THAT(text(forecast), AllOf(HasSubstr("to the image's ssh server, with the host's keys; "
                                              "that is not tried"),
                                    Not(HasSubstr("comes along"))));
}

TEST(Forecast, SaysWhatLeadsBackAndWhatIsInTheWay) {
  auto forecast = forecast_of_a_server();
  EXPECT_THAT(json(forecast),
              AllOf(HasSubstr(R"("not_confirmed":null)"), HasSubstr(R"("obstacles":[])")));
  forecast.plan.confirm_within = std::chrono::minutes(10);
  forecast.obstacles = {{"vda stays busy", ""},
                        {"the next boot leads elsewhere", "grub-editenv x"}};
  EXPECT_THAT(
      text(forecast),
      HasSubstr("             the machine reboots into the system on its disk unless somebody "
                "types dboot-confirm within 10 minutes\n"
                "               it may not: vda stays busy\n"
                "               it may not: the next boot leads elsewhere; mend it: "
                "grub-editenv x\n"));
  EXPECT_THAT(json(forecast),
              HasSubstr(R"("obstacles":[{"what":"vda stays busy","mend":null},)"
                        R"({"what":"the next boot leads elsewhere","mend":"grub-editenv x"}])"));
  EXPECT_THAT(summary(forecast), HasSubstr("\nway back     the machine reboots"));
}

TEST(Forecast, SumsUpWhatIsAboutToBeDone) {
  auto forecast = forecast_of_a_server();
  forecast.ssh = ssh_of_a_server();
  forecast.plan.keep_network = true;
  EXPECT_EQ(summary(forecast),
            R"(image        the image debian of the engine, 80.0 MiB
memory       4.0 GiB available now, some 3.9 GiB when the new root is filled
disks        vda, vdb, vdc released
             those of zfs on /pool busy all the same; --dry-run says what keeps them so
ends         8 processes, and this ssh session
             what is in memory only: /run
network      ens3 10.0.2.15/24, fe80::1/64 stays
log in       ssh ubuntu@10.0.2.15
)");
  forecast.plan.keep_network = false;
  forecast.ssh.reset();
  forecast.memory.root = 0;
  forecast.host->disks_are_known = false;
  EXPECT_THAT(summary(forecast), AllOf(HasSubstr("how much the image takes is not known yet\n"),
                                       HasSubstr("disks        not known: "),
                                       HasSubstr("not kept: systemd-networkd may take it along"),
                                       HasSubstr("log in       not over ssh, but ")));
}

TEST(Forecast, BackslashOfANameIsNoEscape) {
  auto forecast = forecast_of_a_server();
  forecast.image.name = "\\x1b";
  EXPECT_THAT(json(forecast), HasSubstr(R"("name":"\\\\x1b")"));
}

TEST(Forecast, SaysThatTheDisksAreNotKnown) {
  auto forecast = forecast_of_a_server();
  forecast.host->disks_are_known = false;
  EXPECT_THAT(text(forecast), HasSubstr("\ndisks        not known: there is no /sys"));
  EXPECT_THAT(json(forecast), HasSubstr("\"disks\":null"));
}

TEST(Forecast, OfARehearsalEndsNothing) {
  auto forecast = forecast_of_a_server();
  forecast.host.reset();
  forecast.plan.scope = Scope::in_namespace;
  EXPECT_THAT(text(forecast), AllOf(HasSubstr("ends         nothing: this is the plan of a "),
                                    Not(HasSubstr("way back")), Not(HasSubstr("disks "))));
  EXPECT_THAT(json(forecast),
              AllOf(HasSubstr("\"host\":null"), HasSubstr("\"takeover_fails\":null")));
}

TEST(Forecast, TellsAProgramTheSame) {
  const std::string document = json(forecast_of_a_server());
  EXPECT_EQ(document.find('\n'), document.size() - 1);
  for (
      const char* part : {
          R"({"format":1,"version":")",
          R"("refusals":["a shutdown is inhibited by apt"])",
          R"("image":{"name":"debian","description":"the image debian of the engine",)"
          R"("digest":"sha256:1f","bytes":83886080})",
          R"("memory":{"available_bytes":4294967296,"root_bytes":94371840,)"
          R"("root_limit_bytes":4194304000})",
          R"({"what":"file","from":"/root/key","to":"/etc/key","bytes":12})",
          R"("payload":{"file":"/root/own-payload","bytes":2097152,)"
          R"("digest":"sha256:2e","newest_plan":"1.3","proved":true})",
          R"("busybox":"/root/busybox")",
          R"("arguments":["bash","-c","\\x1b[31m's"])",
          R"("user":{"uid":0,"gid":0,"groups":[]})",
          R"("hooks":[{"at":"before:release","arguments":["/run/dboot/hook"],)"
          R"("must_succeed":true}])",
          R"("breakpoints":["after:sync"])",
          R"("ssh":null)",
          R"({"name":"vda","released":true,"taken_apart":[],"kept_by":[],"connection":null,)"
          R"("uses":[{"what":"ext4","where":"/","kept":false,)"
          R"("layers":[{"device":"vda1","mapped_name":null},)"
          R"({"device":"vda","mapped_name":null}]}]})",
          R"({"name":"vdc","released":true,"taken_apart":[{"device":"dm-2",)"
          R"("mapped_name":"vg-idle","kind":"device mapper","to_end_it":null}],"kept_by":[],)"
          R"("connection":null,"uses":[]})",
          R"("elsewhere":[{"what":"zfs","where":"/pool","kept":false,"layers":[]}])",
          R"("mounts":{"count":8,"remote":[{"what":"nfs4","where":"/mnt/far"},)",
          R"("lost":["/run"]})",
          R"("processes":{"count":8,"asked":7,"killed":1,"slow":[{"name":"postgres",)"
          R"("why":"database","pids":[11,12]},)",
          R"("consoles":{"log_to":["tty3","ttyS0"],"shell":"ttyS0"})",
          R"("network":{"links":[{"name":"ens3","addresses":["10.0.2.15/24","fe80::1/64"]}],)"
          R"("removed_by":["systemd-networkd"],"given_up":["10.0.2.100"],"hears_packets":["lldpd"]})",
          R"("ssh_session":true)",
          R"("way_back":{"command_ends":"asks on its console)",
      })
    EXPECT_THAT(document, HasSubstr(part));
}

}  // namespace
}  // namespace dboot::forecast
