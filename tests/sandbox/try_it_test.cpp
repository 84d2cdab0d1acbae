// The page injector/rehearsal/try-it-on-a-laptop.md, command by command.
#include <gmock/gmock.h>

#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/page.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

std::string commands_of_page() {
  auto script = commands_of("injector/rehearsal/try-it-on-a-laptop.md");
  // It is to find that a takeover is denied.
  const std::string doctor = "--doctor ./busybox.tar\n";
  const auto at = script.find(doctor);
  if (at != std::string::npos) script.insert(at + doctor.size() - 1, " || [ $? = 125 ]");
  return script;
}

TEST(TryItOnALaptop, IsDoneAsThePageSays) {
  const TemporaryDirectory work;
  TarBuilder tar;
  write_text(work / "busybox.tar", add_busybox(tar).finish());
  const SandboxHost laptop;
  // The page's sudo, and the program beside the image. The second rehearsal's shell reads nothing.
  const auto result = laptop.run(
      {"/bin/bash", "-c",
       "set -ex; cd " + work.path().string() +
           "; ln -s " DBOOT_INJECT
           " dboot-inject; mount -t tmpfs own /etc; sudo() { \"$@\"; }; exec </dev/null\n" +
           commands_of_page()});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("denied by /etc/dboot/deny: my laptop"),
                    HasSubstr("A takeover would not work: refused."),
                    ContainsRegex("new root +[0-9.]+ MiB"), ContainsRegex("PID +USER[^\n]*COMMAND"),
                    ContainsRegex("tmpfs /run tmpfs"), ContainsRegex("info hand-over started")));
}

}  // namespace
}  // namespace dboot::testing
