#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "shared/system/syscalls.hpp"
#include "tests/sandbox/unchanged_host.hpp"
#include "tests/support/busybox_image.hpp"

// What forbids a takeover, and when and where it is looked for. Takeovers for real, in a sandbox.
namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Guards : public UnchangedHost {
 protected:
  /// Of the sandbox's own mount namespace: the host's /etc is not touched.
  static constexpr const char* own_etc = "mount -t tmpfs own /etc && mkdir /etc/dboot";

  void in_host(const std::string& script) const {
    const auto result = host_.run({"/bin/sh", "-e", "-c", script});
    ASSERT_EQ(result.status, 0) << result.output;
  }

  /// A takeover that waits for its image while `script` runs. Its output; the status is 125.
  std::string refused_after(const std::string& script) {
    const std::string fifo = directory_ / "image";
    sys::check(::mkfifo(fifo.c_str(), 0600), "mkfifo");
    SandboxProcess injector =
        host_.start({DBOOT_INJECT, "--yes", "--payload", DBOOT_STATIC_PROBE, fifo, "sh"});
    {
      const UniqueFd pipe = sys::open(fifo, O_WRONLY);
      in_host(script);
      sys::write_all(pipe.get(), busybox_image());
    }
    std::string output = injector.output([&] { return is_replaced(); });
    EXPECT_FALSE(is_replaced());
    EXPECT_EQ(injector.wait(), 125);
    return output;
  }

  /// The root of the sandbox once more, as another mount of it: a root that is not PID 1's.
  std::vector<std::string> in_chroot(const std::string& prepare,
                                     const std::vector<std::string>& command) const {
    std::vector<std::string> words{
        "/bin/sh", "-e", "-c",
        "mkdir $0; mount --rbind / $0; cd $0; " + prepare + "; exec chroot . \"$@\"",
        directory_ / "root"};
    words.insert(words.end(), command.begin(), command.end());
    return words;
  }
};

TEST_F(Guards, RootWithoutProcIsRefused) {
  const auto result = host_.run(in_chroot("while umount -l proc 2>/dev/null; do :; done",
                                          {DBOOT_INJECT, "--yes", image(), "sh"}));
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, AllOf(HasSubstr("there is no proc filesystem at /proc"),
                                   HasSubstr("mount -t proc proc /proc")));
}

TEST_F(Guards, DenyFileThatComesWhileTheImageIsReadIsHeeded) {
  EXPECT_THAT(refused_after(std::string(own_etc) + "; echo 'not now' >/etc/dboot/deny"),
              HasSubstr("denied by /etc/dboot/deny: not now"));
}

TEST_F(Guards, InhibitorThatComesWhileTheImageIsReadIsHeeded) {
  EXPECT_THAT(refused_after("mkdir -p /run/systemd/inhibit; printf 'WHAT=shutdown\\nMODE=block\\n"
                            "WHO=apt\\nWHY=upgrade\\nPID=7\\n' >/run/systemd/inhibit/1"),
              HasSubstr("a shutdown is inhibited by apt: upgrade (pid 7)"));
}

TEST_F(Guards, TakeoverFromAChrootIsTheOneOfThisSystem) {
  SandboxProcess injector = host_.start(in_chroot(":", takeover()));
  EXPECT_TRUE(eventually([&] { return is_replaced(); })) << injector.output();
}

TEST_F(Guards, DenyFileOfTheSystemIsHeededInAChroot) {
  in_host(std::string(own_etc) + "; echo outside >/etc/dboot/deny");
  const auto result = host_.run(in_chroot("mount -t tmpfs other etc", takeover()));
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, HasSubstr("denied by /etc/dboot/deny: outside"));
}

TEST_F(Guards, DenyFileOfTheChrootIsHeededToo) {
  const auto result = host_.run(in_chroot(
      "mount -t tmpfs other etc; mkdir etc/dboot; echo inside >etc/dboot/deny", takeover()));
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, HasSubstr("denied by /etc/dboot/deny: inside"));
}

TEST_F(Guards, OldKernelIsRefused) {
  for (const char* option : {"--yes", "--rehearse", "--dry-run"}) {
    const auto result =
        host_.run({"setarch", "--uname-2.6", DBOOT_INJECT, option, image(), "sh", "-c", ":"});
    EXPECT_EQ(result.status, 125) << option;
    EXPECT_THAT(result.output, AllOf(HasSubstr("is too old"), HasSubstr("boot Linux 5.9")));
  }
}

TEST_F(Guards, DryRunGoesOnWherePid1IsNotToBeSeen) {
  // Without CAP_SYS_PTRACE nobody reads /proc/1/ns of another user's process.
  const auto result = host_.run({"setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps",
                                 "-sys_ptrace", DBOOT_INJECT, "--dry-run", image(), "sh"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("refused      now: the PID namespace of PID 1 cannot be read"),
                    HasSubstr("/bin/sh")));
}

TEST_F(Guards, ProcessThatFillsTheRootIsTheFirstToGoWhenMemoryEnds) {
  const std::string fifo = directory_ / "image";
  sys::check(::mkfifo(fifo.c_str(), 0600), "mkfifo");
  const SandboxProcess injector = host_.start({DBOOT_INJECT, "--rehearse", fifo, "sh"});
  const UniqueFd pipe = sys::open(fifo, O_WRONLY);
  EXPECT_EQ(sys::read_file("/proc/" + std::to_string(injector.pid()) + "/oom_score_adj"), "1000\n");
}

/// Nor can what is kept be made so, in any way that there is.
TEST_F(Guards, WhatIsKeptIsReadOnlyInARehearsal) {
  ASSERT_EQ(host_.run({"sh", "-ec", "mount -t tmpfs kept /srv && echo before >/srv/file"}).status,
            0);
  const auto result = host_.run(
      {DBOOT_INJECT, "--rehearse", "--keep", "/srv", image(), "sh", "-c",
       "cat /srv/file; for how in rw bind,rw; do mount -o remount,$how /srv; echo $how >/srv/file; "
       "done; mkdir /other && mount -o bind /srv /other && mount -o remount,bind,rw /other; "
       "echo other >/other/file; cat /srv/file; exit 7"});
  EXPECT_EQ(result.status, 7) << result.output;
  EXPECT_THAT(result.output, HasSubstr("before"));
  EXPECT_THAT(host_.run({"cat", "/srv/file"}).output, "before\n");
}

TEST_F(Guards, WhatIsStartedIsAsUnlikelyToGoAsAnyOther) {
  const auto result = host_.run({DBOOT_INJECT, "--rehearse", image(), "sh", "-c",
                                 "echo \"<$(cat /proc/self/oom_score_adj)>\""});
  EXPECT_THAT(result.output, HasSubstr("<0>"));
}

}  // namespace
}  // namespace dboot::testing
