// What went wrong is understood from dboot-log alone.
#include <fcntl.h>
#include <gmock/gmock.h>

#include "shared/system/syscalls.hpp"
#include "tests/machine/disk_of_a_cache.hpp"
#include "tests/machine/driver/host.hpp"
#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

std::string kept(const std::string& name, const std::string& text) {
  const auto path = files::artefact(name);
  sys::write_all(sys::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644).get(), text);
  return path;
}

std::string told(const std::vector<std::string>& arguments) {
  auto words = arguments;
  words.insert(words.begin(), files::program("dboot-log"));
  const auto output = run_program(words);
  EXPECT_EQ(output.status, 0) << output.text;
  return output.text;
}

TEST(Reading, OfAServiceThatDoesNotEndAndADiskThatStaysBusy) {
  Host host(Host::Console::serial);
  const files::Scratch disk(files::artefact("data"));
  ASSERT_NO_FATAL_FAILURE(mount_disk_of_a_cache(host, disk.path()));
  host.shell().output_of(
      // A $ of its own is doubled for systemd.
      "systemd-run --unit=ledger perl -e '$$0 = \"ledger\"; $$SIG{TERM} = sub {}; sleep 1000 while "
      "1'");
  host.shell().start("dboot-inject --yes --grace 3 bash -- /bin/bash");
  Serial& console = host.console();
  console.expect("root@host:/# ", 180s);
  Shell shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  const auto record = kept("payload.log", shell.output_of("cat /run/dboot/payload.log"));
  const auto page = told({record});
  EXPECT_THAT(
      page, AllOf(HasSubstr("The new system has started with /bin/bash, "),
                  ContainsRegex("terminate: the end of ledger \\(pid [0-9]+\\), which was killed: "
                                "the grace period is over"),
                  ContainsRegex("ledger \\(pid [0-9]+\\), killed: the grace period is over"),
                  ContainsRegex("Freed\n"), HasSubstr("umount2 /srv/vault"),
                  ContainsRegex(
                      "Stayed busy\n +[0-9.]+ s  /dev/vd[b-z]: [^\n]*, held by bcache0; to end it: "
                      "echo 1 >/sys/block/bcache0/bcache/stop\n")));
  told({record, "--svg", files::artefact("takeover.svg")});
  // What the serial line has shown of it, between what else it has shown.
  EXPECT_THAT(
      told({kept("serial.log", console.text())}),
      AllOf(HasSubstr("The new system has started with /bin/bash"),
            HasSubstr("killed: not ended within the grace period"), HasSubstr("held by bcache0")));
}

/// The record goes with the machine's memory; the kernel's log is in its pstore.
TEST(Reading, OfAnInitThatIsMissing) {
  const files::Scratch pstore(files::artefact("pstore"));
  {
    SmallHost host({.pstore = pstore.path()});
    host.shell().output_of(
        "(trap 'rm /run/dboot/root/bin/init; exit' TERM; sleep 1000 & wait) >/dev/null 2>&1 &");
    host.take_over("--init exec --on-failure reboot", "/bin/init");
    EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
    EXPECT_THAT(told({kept("serial.log", host.console().text())}),
                HasSubstr("The takeover has failed: execute /bin/init: No such file or directory"));
  }
  SmallHost host({.pstore = pstore.path()});
  const auto dump =
      host.shell().output_of("mount -t pstore pstore /srv; cat $(ls -r /srv/dmesg-erst-*)");
  const auto record = kept("pstore.log", dump);
  EXPECT_THAT(
      told({record}),
      AllOf(HasSubstr("The takeover has failed: execute /bin/init: No such file or directory"),
            HasSubstr("This is a copy without details")));
  told({record, "--svg", files::artefact("failure.svg")});
}

}  // namespace
}  // namespace dboot::machine
