// The page injector/confirmation/replace-the-distribution.md, command by command.
#include <gmock/gmock.h>

#include "shared/system/syscalls.hpp"
#include "tests/machine/driver/host.hpp"
#include "tests/machine/driver/small_host.hpp"
#include "tests/machine/page.hpp"
#include "tests/machine/ssh_client.hpp"

namespace dboot::machine {
namespace {

/// A disk with a system that boots by itself.
void make_distribution(const std::string& directory) {
  const auto made = run_program(
      {"bash", "-e", "-c",
       "cd " + directory + "; mkdir -p tree/{opt,etc,proc,sys,dev}; tar -xf " +
           files::image("busybox") +
           " -C tree; echo 'ttyS1::respawn:/bin/sh -i' >tree/etc/inittab\n"
           "echo another distribution >tree/opt/system\n"
           "truncate -s 48M disk.img; mke2fs -q -t ext4 -d tree disk.img; gzip disk.img\n"
           "rm -r tree; cp " +
           files::program("dboot-inject") + " .; cp " + files::image("busybox") + " busybox.tar"});
  ASSERT_EQ(made.status, 0) << made.text;
}

TEST(ReplaceTheDistribution, IsDoneAsThePageSays) {
  const TemporaryDirectory work;
  ASSERT_NO_FATAL_FAILURE(make_distribution(work.path()));
  Host host(Host::Console::serial);
  const SshClient client(host.machine(), host.shell());
  client.let_in(host.shell(), "root");
  client.write_programs_for("server", work / "bin");
  const auto said = files::artefact("page");
  const Child reader =
      type_commands_of("injector/confirmation/replace-the-distribution.md", work.path(), said);
  EXPECT_EQ(host.machine().wait_for_end(300s), "guest-reset") << sys::read_file(said);
  const auto text = sys::read_file(said);
  EXPECT_THAT(text, testing::HasSubstr("vda is released"));
  EXPECT_THAT(text, testing::HasSubstr("disk in 2 hours"));
  SmallHost installed({.root = "installed", .disk = host.disk()});
  EXPECT_EQ(installed.shell().output_of("cat /opt/system"), "another distribution");
}

}  // namespace
}  // namespace dboot::machine
