// Whatever the host is: another Debian, another init. The one file, and an image beside it, are all
// that is put on it.
#include <gmock/gmock.h>

#include <optional>

#include "tests/machine/driver/disk.hpp"
#include "tests/machine/driver/host.hpp"
#include "tests/machine/new_system.hpp"

namespace dboot::machine {
namespace {

using new_system::count;
using testing::HasSubstr;

struct Kind {
  const char* name;               ///< of tools/host-image
  const char* executable;         ///< of PID 1, the end of its path
  const char* command_line = "";  ///< more of the kernel's
};

std::ostream& operator<<(std::ostream& out, const Kind& kind) {
  return out << kind.name;
}

/// A disk that is a tar, with dboot-inject and an image.
void pack_program(const std::string& tar) {
  const auto image = files::image("busybox");
  const auto packed =
      run_program({"tar", "--create", "--file", tar, "--directory", files::program(""),
                   "dboot-inject", "--transform", "s,.*/,,;s,root.tar,busybox.tar,", image});
  if (packed.status != 0) throw std::runtime_error("tar: " + packed.text);
}

class Hosts : public testing::TestWithParam<Kind> {
 protected:
  Hosts() : disk_(files::artefact("disk")), tar_(files::artefact("programs.tar")) {
    const std::string made = std::string("host-") + GetParam().name;
    disk::make_overlay(files::made(made, "disk"), disk_.path());
    pack_program(tar_.path());
    Machine::Options options;
    options.kernel = files::made(made, "vmlinuz");
    options.initramfs = files::made(made, "initrd.img");
    options.command_line = "root=LABEL=host ro console=tty0 console=ttyS0 ";
    options.command_line += GetParam().command_line;
    options.disk = disk_.path();
    options.second_disk = tar_.path();
    machine_.emplace(options);
    machine_->line().expect("^root@host:~# ", 300s);
    shell_.emplace(machine_->line());
    shell_->take_over();
    shell_->output_of("mkdir -p /opt/dboot && tar xf /dev/vdb -C /opt/dboot && cd /opt/dboot");
  }

  files::Scratch disk_;
  files::Scratch tar_;
  std::optional<Machine> machine_;
  std::optional<Shell> shell_;
};

/// The console has a shell of the new system; nothing of the old one is there, and its disk is free
/// and clean.
void expect_takeover(Machine& machine, const std::string& disk) {
  Serial& console = machine.console();
  console.expect("hand-over starting executable=/bin/sh", 180s);
  Shell shell = open_shell(machine, [&](std::string_view line) { console.send(line); });
  const auto log = shell.output_of("cat /run/dboot/payload.log");
  EXPECT_THAT(log, HasSubstr("old root released disks="));
  EXPECT_THAT(log, HasSubstr("busy=0"));
  EXPECT_EQ(count(log, "] error "), 0U) << log;
  EXPECT_EQ(shell.output_of("cat /proc/1/comm"), "dboot-init");
  EXPECT_EQ(count(shell.output_of("cat /proc/mounts"), "/dev/vd"), 0U);
  EXPECT_EQ(shell.output_of("tail -n +2 /proc/swaps"), "");
  // For an init that wants cgroups of version 2.
  EXPECT_EQ(shell.output_of("awk '!/^#/ && $2 != 0' /proc/cgroups"), "");
  console.send("poweroff\n");
  EXPECT_EQ(machine.wait_for_end(), "guest-shutdown");
  const auto check = disk::check_root(disk);
  EXPECT_EQ(check.status, 0) << check.text;
}

TEST_P(Hosts, AreTakenOverByTheOneFile) {
  EXPECT_THAT(shell_->output_of("readlink /proc/1/exe"), testing::EndsWith(GetParam().executable));
  shell_->start("/opt/dboot/dboot-inject --yes ./busybox.tar -- /bin/sh");
  expect_takeover(*machine_, disk_.path());
}

constexpr Kind kinds[] = {
    // As Ubuntu 20.04 and RHEL 8 have it: version 1, and version 2 beside it.
    {"debian-11", "/systemd", "systemd.unified_cgroup_hierarchy=0"},
    {"debian-13", "/systemd"},
    {"sysvinit", "/init"},
    {"openrc", "/init"},
    {"runit", "/runit"},
    {"busybox", "/busybox"},
};
INSTANTIATE_TEST_SUITE_P(Kind, Hosts, testing::ValuesIn(kinds), [](const auto& kind) {
  std::string name = kind.param.name;
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace dboot::machine
