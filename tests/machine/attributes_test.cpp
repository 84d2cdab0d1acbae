// PID 1 of the new system has what a fresh boot gives it, whatever the old one has set.
#include <gmock/gmock.h>

#include <map>

#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using Attributes = std::map<std::string, std::string>;

/// A processor that processes are on only where they ask for it.
const std::string kept_free = "isolcpus=1";

/// Names that come several times get a number.
Attributes attributes_in(Serial& console) {
  console.expect("attributes end", 120s);
  const std::string shown = console.text();
  const auto begin = shown.rfind("attributes begin");
  Attributes attributes;
  std::map<std::string, int> count;
  const std::string told = shown.substr(begin, shown.find("attributes end", begin) - begin);
  for (auto line : lines_of(std::string_view(told))) {
    while (line.ends_with('\r')) line.remove_suffix(1);
    const auto blank = line.find(' ');
    if (blank == std::string_view::npos || line.starts_with("attributes")) continue;
    const std::string name(line.substr(0, blank));
    // "limit Max processes   1701 …"
    const auto value = line.substr(blank + 1);
    const auto key = name == "limit" ? std::string(value.substr(0, value.find("  "))) : name;
    attributes[key + (count[key]++ == 0 ? "" : std::to_string(count[key]))] = value;
  }
  return attributes;
}

Attributes of_a_boot() {
  const auto initramfs = files::artefact("direct-initramfs");
  const auto made =
      run_program({"sh", "-ec",
                   "tree=$(mktemp -d); cp " + files::program("pid-1-attributes") +
                       " $tree/init; (cd $tree && find . | busybox cpio -o -H newc 2>/dev/null) >" +
                       initramfs + "; rm -r $tree"});
  EXPECT_EQ(made.status, 0) << made.text;
  Machine::Options options;
  options.kernel = files::made("small-host", "vmlinuz");
  options.initramfs = initramfs;
  options.command_line = "console=tty0 console=ttyS0 " + kept_free;
  options.memory_mib = 512;
  Machine machine(options);
  return attributes_in(machine.console());
}

Attributes after_a_takeover() {
  SmallHost host({.command_line = "small.init=/opt/odd-attributes " + kept_free,
                  .files = {files::program("pid-1-attributes"), files::program("odd-init"),
                            files::program("odd-attributes")}});
  host.shell().start(
      "dboot-inject --yes --init exec --copy /opt/pid-1-attributes /opt/busybox.tar "
      "/opt/pid-1-attributes");
  return attributes_in(host.console());
}

/// What may differ, and why.
const std::map<std::string, std::string> allowed{
    {"cgroup", "the hierarchies that the old system has mounted"},
    {"Max processes", "by the memory that was free when the kernel began"},
    {"Max pending signals", "the same"},
    {"session", "nothing takes setsid(2) back, which systemd calls"},
    {"process_group", "the same"},
    {"autogroup", "a session has one of its own"},
    {"session_keyring", "an empty one of its own; the kernel gives none, and a user's stands in"},
};

TEST(Attributes, OfPid1AreThoseOfAFreshBoot) {
  const auto booted = of_a_boot();
  const auto taken_over = after_a_takeover();
  EXPECT_GT(booted.size(), 50U);
  for (const auto& [name, value] : booted) {
    if (allowed.contains(name)) continue;
    const auto found = taken_over.find(name);
    EXPECT_EQ(found == taken_over.end() ? "missing" : found->second, value) << name;
  }
  EXPECT_THAT(taken_over.at("autogroup"), testing::EndsWith("nice 0"));
  for (const auto& [name, value] : taken_over)
    EXPECT_TRUE(booted.contains(name) || allowed.contains(name)) << name << ' ' << value;
}

}  // namespace
}  // namespace dboot::machine
