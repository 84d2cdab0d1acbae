#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/sandbox/unchanged_host.hpp"

// What --dry-run says. That it changes nothing: unchanged_host_test.cpp.
namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class DryRun : public UnchangedHost {
 protected:
  std::string run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {DBOOT_INJECT, "--dry-run"});
    const auto result = host_.run(arguments);
    EXPECT_EQ(result.status, 0) << result.output;
    return result.output;
  }

  boost::json::object document(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "--json");
    const auto output = run(std::move(arguments));
    for (const auto line : lines_of(output)) {
      if (line.starts_with('{')) return boost::json::parse(line).as_object();
    }
    ADD_FAILURE() << "no object of JSON: " << output;
    return {};
  }
};

TEST_F(DryRun, IsAPageForAPerson) {
  EXPECT_THAT(
      run({image(), "sh", "-c", "exit 3"}),
      AllOf(HasSubstr("replaces     this PID namespace, and not the machine around it\n"),
            ContainsRegex("image +[^\n]*busybox.tar[^\n]* MiB\n"),
            ContainsRegex("new root +[0-9.]+ MiB of [0-9.]+ GiB that are available"),
            ContainsRegex("from host    /etc/hosts\n +/etc/resolv.conf\n"),
            ContainsRegex("payload +dboot-init of this program, [0-9.]+ MiB\n +sha256:[0-9a-f]+\n"
                          " +understands plans up to 1\\.[0-9]+\n"),
            HasSubstr("starts       sh -c 'exit 3', supervised by the payload\n"),
            ContainsRegex("ends +[0-9]+ processes"), HasSubstr("\nstays        the kernel "),
            HasSubstr("\nThe plan:\nscope: namespace\n"), Not(HasSubstr("refused"))));
}

TEST_F(DryRun, NamesEveryReasonForARefusal) {
  const std::string prepare =
      "mount -t tmpfs own /etc && mkdir /etc/dboot && echo 'ask Ada' >/etc/dboot/deny; "
      "mkdir -p /run/systemd/inhibit; printf 'WHAT=shutdown\\nMODE=block\\nWHO=apt\\nWHY=upgrade\\n"
      "PID=7\\n' >/run/systemd/inhibit/1";
  ASSERT_EQ(host_.run({"/bin/sh", "-e", "-c", prepare}).status, 0);
  EXPECT_THAT(run({image(), "sh"}),
              AllOf(ContainsRegex("refused +now: [^\n]*denied by /etc/dboot/deny: ask Ada"),
                    ContainsRegex("\n +now: a shutdown is inhibited by apt: upgrade")));
  EXPECT_THAT(run({"--force", image(), "sh"}), Not(HasSubstr("inhibited")));
  const auto refusals = document({image(), "sh"}).at("refusals").as_array();
  EXPECT_EQ(refusals.size(), 2U);
}

TEST_F(DryRun, NamesADenyFileAlsoWherePid1IsNotToBeSeen) {
  const std::string prepare =
      "mount -t tmpfs own /etc && mkdir /etc/dboot && echo 'ask Ada' >/etc/dboot/deny";
  ASSERT_EQ(host_.run({"/bin/sh", "-e", "-c", prepare}).status, 0);
  const auto result = host_.run({"setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps",
                                 "-sys_ptrace", DBOOT_INJECT, "--dry-run", image(), "sh"});
  EXPECT_THAT(result.output, HasSubstr("denied by /etc/dboot/deny: ask Ada"));
}

TEST_F(DryRun, IsNotNeededToAskTheDoctor) {
  const auto before = settled_state();
  const auto doctor = host_.run({DBOOT_INJECT, "--doctor", image()});
  EXPECT_EQ(doctor.status, 0) << doctor.output;
  EXPECT_THAT(
      doctor.output,
      AllOf(HasSubstr("good      kernel    Linux "), HasSubstr("payload   dboot-init runs here"),
            HasSubstr("good      image     archive "), HasSubstr("good      memory    "),
            HasSubstr("careful   scope     this is a PID namespace"),
            HasSubstr("A takeover would work, as far as this looks.\n")));
  EXPECT_THAT(testing::differences(before, host_.state()), ::testing::IsEmpty());
  const std::string prepare =
      "mount -t tmpfs own /etc && mkdir /etc/dboot && echo 'ask Ada' >/etc/dboot/deny";
  ASSERT_EQ(host_.run({"/bin/sh", "-e", "-c", prepare}).status, 0);
  const auto denied = host_.run({DBOOT_INJECT, "--doctor", "--json", "./nowhere"});
  EXPECT_EQ(denied.status, 125);
  EXPECT_THAT(denied.output,
              AllOf(HasSubstr(R"("works":false)"), HasSubstr("denied by /etc/dboot/deny: ask Ada"),
                    HasSubstr(R"("about":"image","what":"cannot open ./nowhere)")));
  EXPECT_EQ(host_.run({"/bin/sh", "-c", DBOOT_INJECT " --doctor >/dev/full"}).status, 125);
}

/// What several looks come upon is one thing.
TEST_F(DryRun, OfADoctorSaysAThingOnce) {
  ASSERT_EQ(host_.run({"mount", "-t", "tmpfs", "own", "/proc/1/ns"}).status, 0);
  const auto doctor = host_.run({DBOOT_INJECT, "--doctor"});
  EXPECT_EQ(doctor.status, 125) << doctor.output;
  const std::string what = "the PID namespace of PID 1 cannot be read";
  const auto first = doctor.output.find(what);
  ASSERT_NE(first, std::string::npos) << doctor.output;
  EXPECT_EQ(doctor.output.find(what, first + 1), std::string::npos) << doctor.output;
}

/// A service of systemd may have mounts of its own, which do not end with the system.
TEST_F(DryRun, TellsOfTheMountsOfPid1) {
  ASSERT_EQ(host_.run({"mount", "-t", "tmpfs", "own", "/mnt"}).status, 0);
  const auto result = host_.run(
      {"unshare", "--mount", "/bin/sh", "-e", "-c",
       "umount /mnt; mount -t tmpfs own /srv; exec " DBOOT_INJECT " --dry-run " + image() + " sh"});
  EXPECT_THAT(result.output, ContainsRegex("what is in memory only: [^\n]*/mnt"));
  EXPECT_THAT(result.output, Not(ContainsRegex("what is in memory only: [^\n]*/srv")));
}

TEST_F(DryRun, TellsWhatIsKept) {
  ASSERT_EQ(host_.run({"mount", "-t", "tmpfs", "kept", "/srv"}).status, 0);
  const auto page = run({"--keep", "/srv", image(), "sh"});
  EXPECT_THAT(page, AllOf(HasSubstr("what is mounted on /srv, at the same place\n"),
                          HasSubstr("\nkept mounts: [\"/srv\"]\n")));
  EXPECT_THAT(page, Not(ContainsRegex("what is in memory only: [^\n]*/srv")));
  EXPECT_THAT(host_.run({DBOOT_INJECT, "--doctor", "--keep", "/srv"}).output,
              AllOf(HasSubstr("good      kept      what is mounted on /srv\n"),
                    Not(ContainsRegex("what is in memory only: [^\n]*/srv"))));
}

TEST_F(DryRun, RefusesWhatCannotBeKept) {
  const auto place = image().substr(0, image().rfind('/'));
  const std::string prepare = "mount -t tmpfs kept /srv && mkdir /srv/there && cd " + place +
                              " && mkdir mount && mount -t tmpfs other mount && touch file && "
                              "mount --bind /etc/hostname file";
  ASSERT_EQ(host_.run({"/bin/sh", "-e", "-c", prepare}).status, 0);
  const auto refusal = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {DBOOT_INJECT, "--dry-run"});
    options.insert(options.end(), {image(), "sh"});
    const auto result = host_.run(options);
    return result.status == 125 ? result.output : "status " + std::to_string(result.status);
  };
  EXPECT_THAT(refusal({"--keep", "/usr"}), HasSubstr("/usr is no mount point"));
  EXPECT_THAT(refusal({"--keep", place + "/file"}),
              HasSubstr("/file cannot be kept: it is no dir"));
  EXPECT_THAT(refusal({"--rehearse", "--keep", place + "/mount"}),
              HasSubstr("a rehearsal does not have what is in /tmp"));
  EXPECT_THAT(refusal({"--keep", "/srv", "--copy", "/etc/hostname:/srv/name"}),
              HasSubstr("--copy is /srv/name, which /srv hides"));
  EXPECT_THAT(refusal({"--keep", "/srv", "--log-to", "/srv/log"}),
              HasSubstr("--log-to is /srv/log"));
  EXPECT_THAT(refusal({"--keep", "/srv", "--workdir", "/srv/new"}),
              HasSubstr("the working directory is /srv/new"));
  EXPECT_EQ(refusal({"--keep", "/srv", "--workdir", "/srv/there"}), "status 0");
  const auto hidden = host_.run({DBOOT_INJECT, "--dry-run", "--keep", "/srv", "--copy",
                                 "/bin/busybox:/srv/sh", image(), "/srv/sh"});
  EXPECT_EQ(hidden.status, 125);
  EXPECT_THAT(host_
                  .run({"unshare", "--mount", "sh", "-c",
                        "mkdir -p /srv/own && mount -t tmpfs own /srv/own && exec " DBOOT_INJECT
                        " --dry-run --keep /srv/own " +
                            image() + " sh"})
                  .output,
              HasSubstr("/srv/own cannot be kept: it is mounted for this process"));
}

TEST_F(DryRun, OfARehearsalEndsNothingOfTheHost) {
  EXPECT_TRUE(document({"--rehearse", image(), "sh"}).at("host").is_null());
  EXPECT_THAT(run({"--rehearse", image(), "sh"}),
              HasSubstr("ends         nothing: this is the plan of a rehearsal\n"));
}

/// Those of an object and of all that are in it.
void collect_keys(const boost::json::value& value, std::set<std::string>& keys) {
  if (value.is_array()) {
    for (const auto& item : value.get_array()) collect_keys(item, keys);
  } else if (value.is_object()) {
    for (const auto& member : value.get_object()) {
      keys.emplace(member.key());
      collect_keys(member.value(), keys);
    }
  }
}

TEST_F(DryRun, HasEveryFieldInItsManualPage) {
  const std::string hook = file("hook", "#!/bin/sh\n:\n", 0755);
  const auto found = document({"--hook", "before:release=" + hook, "--break", "after:sync",
                               "--busybox", "/bin/busybox", image(), "sh"});
  std::set<std::string> keys;
  collect_keys(found, keys);
  EXPECT_GT(keys.size(), 50U);
  const auto page = sys::read_file(DBOOT_SOURCE_DIR "/injector/dboot-dry-run.5.md");
  for (const auto& key : keys) EXPECT_THAT(page, HasSubstr('`' + key + '`'));
  EXPECT_EQ(found.at("format").to_number<int>(), 1);
  EXPECT_EQ(found.at("plan").at("hooks").at(0).at("at").as_string(), "before:release");
}

TEST_F(DryRun, SaysWhetherThereIsAShellOfLastResort) {
  const std::string program = directory_ / "dboot-inject";
  const std::string busybox = directory_ / "busybox";
  const auto put = [&](const std::string& command) {
    ASSERT_EQ(host_.run({"/bin/sh", "-c", command}).status, 0);
  };
  const auto page = [&] { return host_.run({program, "--dry-run", image(), "sh"}).output; };
  put(std::string("cp ") + DBOOT_INJECT + ' ' + program);
  EXPECT_THAT(page(), AllOf(HasSubstr("last resort  no shell but those of the two roots"),
                            Not(HasSubstr("no shell of last resort from there"))));
  // Whatever lies there is no reason to refuse.
  for (const auto& made : std::vector<std::string>{"echo >", "mkdir ", "mkfifo ", "ln -s nowhere ",
                                                   "truncate -s 300M ", "cp " + program + ' ',
                                                   "install -m 777 /bin/busybox "}) {
    put("rm -rf " + busybox + "; " + made + busybox);
    EXPECT_THAT(page(),
                AllOf(HasSubstr("warning: no shell of last resort from there path=" + busybox),
                      HasSubstr("last resort  no shell")))
        << made;
  }
  put("rm -rf " + busybox);
  put("cp /bin/busybox " + busybox);
  EXPECT_THAT(page(), HasSubstr("last resort  the shell of " + busybox + "\n"));
}

TEST_F(DryRun, NamesThatThePayloadHasNoPlace) {
  ASSERT_EQ(host_.run({"/bin/sh", "-c", "echo >/run/dboot"}).status, 0);
  EXPECT_THAT(run({image(), "sh"}),
              ContainsRegex("refused +now: /run/dboot is no directory[^\n]*mend it: remove it"));
  const auto takeover = host_.run({DBOOT_INJECT, "--yes", image(), "sh"});
  EXPECT_EQ(takeover.status, 125);
  EXPECT_THAT(takeover.output, HasSubstr("/run/dboot is no directory"));
}

TEST_F(DryRun, NamesTheCapabilitiesThatAreMissing) {
  const auto result =
      host_.run({"setpriv", "--bounding-set", "-sys_admin,-sys_chroot", "--inh-caps",
                 "-sys_admin,-sys_chroot", DBOOT_INJECT, "--dry-run", image(), "sh"});
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, HasSubstr("CAP_SYS_ADMIN, CAP_SYS_CHROOT"));
}

TEST_F(DryRun, SaysWhenStandardOutputIsClosed) {
  const auto result = host_.run(
      {"/bin/sh", "-c", "exec \"$@\" >&-", "sh", DBOOT_INJECT, "--dry-run", image(), "sh"});
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, HasSubstr("cannot write to standard output"));
}

TEST_F(DryRun, SaysWhenNobodyCanReadIt) {
  const auto result = host_.run(
      {"/bin/sh", "-c", "exec \"$@\" >/dev/full", "sh", DBOOT_INJECT, "--dry-run", image(), "sh"});
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, HasSubstr("cannot write to standard output"));
}

}  // namespace
}  // namespace dboot::testing
