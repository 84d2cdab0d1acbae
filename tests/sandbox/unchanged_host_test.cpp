#include <elf.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

#include "shared/plan/payload_note.h"
#include "shared/plan/plan.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/sandbox/unchanged_host.hpp"
#include "tests/support/busybox_image.hpp"

// Takeovers that fail before the point of no return, for real, in a sandbox: each says why and what
// to do, ends with the documented status, and leaves the host as it was.
namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Matcher;
using ::testing::Not;

TEST_F(UnchangedHost, NoImageAtThatPath) {
  expect_refusal({"/nonexistent.tar", "sh"}, 125,
                 AllOf(HasSubstr("/nonexistent.tar"), HasSubstr("No such file")));
}

TEST_F(UnchangedHost, NoEngine) {
  expect_refusal({"--host", "unix:///nonexistent.sock", "busybox", "sh"}, 125,
                 HasSubstr("/nonexistent.sock"));
}

TEST_F(UnchangedHost, NeitherTerminalNorYes) {
  const HostState before = host_.state();
  const auto result = host_.run({DBOOT_INJECT, image(), "sh"});
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, HasSubstr("--yes"));
  EXPECT_THAT(differences(before, settled_state()), IsEmpty());
}

TEST_F(UnchangedHost, DryRun) {
  const HostState before = host_.state();
  const auto result = host_.run({DBOOT_INJECT, "--dry-run", image(), "sh"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("/bin/"));
  EXPECT_THAT(differences(before, settled_state()), IsEmpty());
}

TEST_F(UnchangedHost, CommandThatIsNotInTheImage) {
  expect_refusal({image(), "nonesuch"}, 127, HasSubstr("there is no 'nonesuch' in the image"));
  expect_refusal({image(), "/bin/nonesuch"}, 127, HasSubstr("/bin/nonesuch"));
}

TEST_F(UnchangedHost, CommandThatIsNotExecutable) {
  TarBuilder tar;
  add_busybox(tar);
  tar.file("bin/data", "no program", 0644).file("bin/script", "#!/bin/nonesuch\n", 0755);
  const std::string path = file("image.tar", tar.finish());
  expect_refusal({path, "/bin/data"}, 126, HasSubstr("/bin/data"));
  expect_refusal({path, "/bin/script"}, 126, HasSubstr("/bin/nonesuch"));
  expect_refusal({path, "/bin"}, 126, HasSubstr("/bin"));
}

TEST_F(UnchangedHost, ImageOfAnotherArchitecture) {
  std::string busybox = sys::read_file("/bin/busybox");
  const Elf64_Half machine = EM_AARCH64;
  busybox.replace(offsetof(Elf64_Ehdr, e_machine), sizeof machine,
                  reinterpret_cast<const char*>(&machine), sizeof machine);
  TarBuilder tar;
  tar.directory("bin").file("bin/sh", busybox, 0755);
  expect_refusal({file("image.tar", tar.finish()), "sh"}, AnyOf(125, 126), HasSubstr("AArch64"));
}

TEST_F(UnchangedHost, ArchiveThatEndsInTheMiddle) {
  const std::string whole = busybox_image();
  expect_refusal({file("image.tar", whole.substr(0, whole.size() / 2)), "sh"}, 125,
                 HasSubstr("image.tar"));
  expect_refusal({file("garbage.tar", "garbage"), "sh"}, 125, HasSubstr("garbage.tar"));
}

TEST_F(UnchangedHost, EntryThatLeadsOutOfTheRoot) {
  TarBuilder tar;
  add_busybox(tar);
  tar.file("../../run/escaped", "x", 0644);
  expect_refusal({file("image.tar", tar.finish()), "sh"}, 125, HasSubstr("../../run/escaped"));
}

TEST_F(UnchangedHost, RootThatIsFull) {
  expect_refusal({"--root-size", "1m", image(), "sh"}, 125,
                 AllOf(HasSubstr("--root-size allows 1.0 MiB"), HasSubstr("with --root-size")));
  // One byte takes a page, so that the sum of the sizes is no warning.
  TarBuilder tar;
  add_busybox(tar);
  for (int i = 0; i < 1000; ++i) tar.file("file" + std::to_string(i), "x", 0644);
  expect_refusal({"--root-size", "3m", file("image.tar", tar.finish()), "sh"}, 125,
                 AllOf(HasSubstr("the RAM root is full"), HasSubstr("with --root-size")));
}

TEST_F(UnchangedHost, InterruptedWhileCopying) {
  TarBuilder tar;
  add_busybox(tar);
  for (int i = 0; i < 100; ++i) {
    tar.file("file" + std::to_string(i), std::string(4096, 'x'), 0644);
  }
  const std::string path = file("image.tar", tar.finish());
  const HostState before = host_.state();
  // At the fiftieth file that is made there; no sleep is that exact.
  const auto result = host_.run(strace("fchmod:signal=SIGINT:when=50", {path, "sh"}));
  EXPECT_EQ(result.status, 130) << result.output;
  EXPECT_THAT(result.output, HasSubstr("interrupted"));
  EXPECT_THAT(differences(before, settled_state()), IsEmpty());
}

TEST_F(UnchangedHost, PayloadThatIsMissing) {
  expect_refusal({"--payload", "/nonexistent/payload", image(), "sh"}, 125,
                 HasSubstr("/nonexistent/payload"));
}

TEST_F(UnchangedHost, PayloadThatIsDamaged) {
  const std::string whole = sys::read_file(DBOOT_STATIC_PROBE);
  const std::string truncated = file("truncated", whole.substr(0, whole.size() / 2), 0755);
  expect_refusal({"--payload", truncated, image(), "sh"}, 125,
                 HasSubstr("the payload " + truncated + " is damaged: it is cut off"));

  std::string bad = whole;
  auto* header = reinterpret_cast<Elf64_Ehdr*>(bad.data());
  auto* segments = reinterpret_cast<Elf64_Phdr*>(bad.data() + header->e_phoff);
  for (int i = 0; i < header->e_phnum; ++i) {
    if (segments[i].p_type == PT_LOAD) segments[i].p_offset += 1 << 30;
  }
  expect_refusal({"--payload", file("bad-segment", bad, 0755), image(), "sh"}, 125,
                 HasSubstr("bad-segment is damaged"));
}

TEST_F(UnchangedHost, PayloadThatIsNoProgram) {
  const std::string text = file("text", "#!/bin/sh\n", 0755);
  expect_refusal({"--payload", text, image(), "sh"}, 125,
                 HasSubstr("the payload " + text + " is no ELF program"));
  expect_refusal({"--payload", ".", image(), "sh"}, 125, HasSubstr("the payload . is a directory"));
  expect_refusal({"--payload", "/dev/null", image(), "sh"}, 125,
                 HasSubstr("the payload /dev/null is no file"));
  expect_refusal({"--payload", text + "/x", image(), "sh"}, 125,
                 HasSubstr("cannot open the payload " + text + "/x: Not a directory"));
  expect_refusal({"--payload", "", image(), "sh"}, 125, HasSubstr("--payload"));
}

/// dboot-init, with another note.
TEST_F(UnchangedHost, PayloadForOtherPlans) {
  std::string program = sys::read_file(DBOOT_INIT);
  const dboot_payload_note own{plan::major_version, plan::major_version, plan::minor_version};
  const dboot_payload_note other{7, 9, 2};
  const auto bytes = [](const dboot_payload_note& note) {
    return std::string(reinterpret_cast<const char*>(&note), sizeof note);
  };
  const auto at = program.find(std::string("dboot\0\0\0", 8) + bytes(own));
  ASSERT_NE(at, std::string::npos);
  program.replace(at + 8, sizeof other, bytes(other));
  expect_refusal(
      {"--payload", file("newer", program, 0755), image(), "sh"}, 125,
      HasSubstr("newer understands plans from 7.0 to 9.2, and this dboot-inject writes 1."));
}

TEST_F(UnchangedHost, PayloadWithADamagedNote) {
  std::string program = sys::read_file(DBOOT_INIT);
  const std::array<std::uint32_t, 3> header{6, sizeof(dboot_payload_note), DBOOT_NOTE_TYPE};
  const auto at = program.find(
      std::string(reinterpret_cast<const char*>(header.data()), sizeof header) + "dboot");
  ASSERT_NE(at, std::string::npos);
  program[at + 4] = 4;
  expect_refusal({"--payload", file("damaged", program, 0755), image(), "sh"}, 125,
                 HasSubstr("damaged has a damaged note of dboot"));
}

TEST_F(UnchangedHost, PayloadThatFailsItsProof) {
  for (const char* option : {"--rehearse", "--dry-run", "--yes"}) {
    expect_refusal({option, "--payload", DBOOT_UNFIT_PAYLOAD, image(), "sh"}, 125,
                   HasSubstr("unfit-payload does not run: it ended with status 3: it has no legs"));
  }
}

TEST_F(UnchangedHost, PayloadThatNeedsLibraries) {
  const auto this_test = std::filesystem::read_symlink("/proc/self/exe").string();
  expect_refusal({"--payload", this_test, image(), "sh"}, 125,
                 HasSubstr("is linked dynamically, and asks for /lib"));
}

TEST_F(UnchangedHost, PayloadThatLosesItsModeAfterTheChecks) {
  const auto vfork = hold_pid_1();
  SandboxProcess injector = host_.start(takeover());
  ASSERT_TRUE(eventually([&] { return is_traced(); }));
  ASSERT_EQ(host_.run({"/bin/chmod", "600", "/run/dboot/dboot-init"}).status, 0);
  vfork.release();
  EXPECT_THAT(injector.output(), AllOf(HasSubstr("could not execute /run/dboot/dboot-init"),
                                       HasSubstr("Permission denied"), HasSubstr("chmod +x")));
  EXPECT_EQ(injector.wait(), 125);
  EXPECT_THAT(differences_but_for_vfork(vfork.before, settled_state()), IsEmpty());
}

TEST_F(UnchangedHost, Pid1ThatMayNotExecute) {
  host_.replace_pid_1({DBOOT_AWKWARD_INIT, "no-execve"});
  ASSERT_TRUE(eventually(
      [&] { return sys::read_file(status_file()).find("Seccomp:\t2") != std::string::npos; }));
  expect_refusal_of_takeover(
      AllOf(HasSubstr("could not execute /run/dboot/dboot-init"), HasSubstr("Permission denied")));
}

TEST_F(UnchangedHost, Pid1InVfork) {
  const auto vfork = hold_pid_1();
  expect_refusal_of_takeover(AllOf(HasSubstr("PID 1 did not stop"), HasSubstr("vfork")));
}

TEST_F(UnchangedHost, Pid1ThatIsTraced) {
  SandboxProcess strace = host_.start({"strace", "-qq", "-p", "1"});
  ASSERT_TRUE(eventually([&] { return is_traced(); }));
  expect_refusal_of_takeover(
      AllOf(HasSubstr("PID 1 is being traced by process"), HasSubstr("(strace)")));
}

TEST_F(UnchangedHost, SecondAtTheSameTime) {
  const auto vfork = hold_pid_1();
  SandboxProcess first = host_.start(takeover());
  ASSERT_TRUE(eventually([&] { return is_traced(); }));
  expect_refusal_of_takeover(HasSubstr("another dboot-inject is at work"));
  first.signal(SIGKILL);
  first.output();
  // A tracer closes its files first, and lets go of PID 1 then.
  EXPECT_TRUE(eventually([&] { return !is_traced(); }));
  EXPECT_THAT(differences(vfork.before, settled_state()), IsEmpty());
}

TEST_F(UnchangedHost, InjectorKilledBeforePid1HasStopped) {
  const auto vfork = hold_pid_1();
  SandboxProcess injector = host_.start(takeover());
  ASSERT_TRUE(eventually([&] { return is_traced(); }));
  injector.signal(SIGKILL);
  injector.output();  // to the end of the tracer
  vfork.release();
  EXPECT_TRUE(eventually([&] { return pid_1().state == 'S'; }));
  EXPECT_THAT(differences_but_for_vfork(vfork.before, settled_state()), IsEmpty());
}

TEST_F(UnchangedHost, RehearsalThatSucceeds) {
  const HostState before = host_.state();
  const auto result = host_.run({DBOOT_INJECT, "--rehearse", image(), "sh", "-c", "exit 3"});
  EXPECT_EQ(result.status, 3) << result.output;
  EXPECT_THAT(differences(before, settled_state()), IsEmpty());
}

TEST_F(UnchangedHost, RehearsalWithoutStandardStreams) {
  const auto result = host_.run({"/bin/busybox", "sh", "-c",
                                 "exec \"$0\" --rehearse \"$1\" sh -c 'exit 3' <&- >&- 2>&-",
                                 DBOOT_INJECT, image()});
  EXPECT_EQ(result.status, 3);
}

// kill -9 at the nth call of its kind: PID 1 has executed the payload, or the host is as it was.
class KilledAtCall : public UnchangedHost, public ::testing::WithParamInterface<int> {
 protected:
  void kill_at(const std::string& call, const std::vector<std::string>& options = {"-f"}) {
    const HostState before = host_.state();
    SandboxProcess command =
        host_.start(strace(call + ":signal=SIGKILL:when=" + std::to_string(GetParam()),
                           takeover_arguments(), options));
    const std::string output = command.output([&] { return is_replaced(); });
    if (is_replaced()) return;
    EXPECT_NE(command.wait(), 0) << output;
    EXPECT_THAT(differences(before, settled_state()), IsEmpty()) << output;
  }
};

class TracerKilled : public KilledAtCall {};
INSTANTIATE_TEST_SUITE_P(AtCall, TracerKilled, ::testing::Range(1, 12));

TEST_P(TracerKilled, OfPtrace) {
  kill_at("ptrace");
}

class InjectorKilled : public KilledAtCall {};
INSTANTIATE_TEST_SUITE_P(AtCall, InjectorKilled, ::testing::Range(1, 4));

// Without -f strace follows the injector itself and not its children.
TEST_P(InjectorKilled, OfPoll) {
  kill_at("poll", {});
}
TEST_P(InjectorKilled, OfClone) {
  kill_at("clone", {});
}
TEST_P(InjectorKilled, OfFsmount) {
  kill_at("fsmount", {});
}
TEST_P(InjectorKilled, OfWriteOfMemory) {
  kill_at("process_vm_writev");
}
TEST_P(InjectorKilled, OfMoveMount) {
  kill_at("move_mount");
}

// The control: the same command, when nothing gets in its way.
TEST_F(UnchangedHost, IsReplacedWhenNothingFails) {
  SandboxProcess injector = host_.start(takeover());
  EXPECT_TRUE(eventually([&] { return is_replaced(); }));
}

}  // namespace
}  // namespace dboot::testing
