// The page payload/release/repartition-the-boot-disk.md, command by command.
#include <gmock/gmock.h>

#include "shared/system/syscalls.hpp"
#include "tests/machine/driver/host.hpp"
#include "tests/machine/page.hpp"
#include "tests/machine/ssh_client.hpp"

namespace dboot::machine {
namespace {

using testing::HasSubstr;

TEST(RepartitionTheBootDisk, IsDoneAsThePageSays) {
  const TemporaryDirectory work;
  const auto copied =
      run_program({"cp", files::program("dboot-inject"), (work / "dboot-inject").string()});
  ASSERT_EQ(copied.status, 0) << copied.text;
  ASSERT_EQ(run_program({"cp", files::image("bash"), (work / "tools.tar").string()}).status, 0);
  write_text(work / "shrink", script_of("payload/release/repartition-the-boot-disk.md"));
  Host host(Host::Console::serial);
  const SshClient client(host.machine(), host.shell());
  client.let_in(host.shell(), "root");
  client.write_programs_for("server", work / "bin");
  const auto said = files::artefact("page");
  const Child reader =
      type_commands_of("payload/release/repartition-the-boot-disk.md", work.path(), said);
  EXPECT_EQ(host.machine().wait_for_end(300s), "guest-reset") << sys::read_file(said);
  const auto text = sys::read_file(said);
  EXPECT_THAT(text, testing::AllOf(HasSubstr("vda is released"), HasSubstr("all of it is done"),
                                   HasSubstr("/dev/vda3")));

  // The same system, in less, and a new place beside it.
  Machine::Options options;
  options.kernel = files::host("vmlinuz");
  options.initramfs = files::host("initrd.img");
  options.command_line = "root=LABEL=host ro console=tty0 console=ttyS0";
  options.disk = host.disk();
  Machine again(options);
  again.line().expect("root@host:.*# ", 240s);
  Shell shell(again.line());
  shell.take_over();
  EXPECT_EQ(shell.output_of("lsblk -nrbo SIZE /dev/vda1"), std::to_string(2100ULL << 20U));
  EXPECT_EQ(shell.output_of("mount LABEL=data /mnt && findmnt -no SOURCE /mnt"), "/dev/vda3");
}

}  // namespace
}  // namespace dboot::machine
