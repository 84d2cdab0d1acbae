#include "tests/sandbox/unchanged_host.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>

#include "shared/system/syscalls.hpp"
#include "tests/support/busybox_image.hpp"

namespace dboot::testing {
UnchangedHost::UnchangedHost() {
  file("busybox.tar", busybox_image());
}

std::string UnchangedHost::file(const std::string& name, const std::string& content,
                                unsigned mode) const {
  std::string path = directory_ / name;
  write_text(path, content, mode);
  return path;
}

std::string UnchangedHost::image() const {
  return directory_ / "busybox.tar";
}

HostState UnchangedHost::settled_state() const {
  EXPECT_TRUE(eventually([&] { return pid_1().state != 'R'; }));
  return host_.state();
}

std::vector<std::string> UnchangedHost::takeover_arguments() const {
  return {"--payload", DBOOT_STATIC_PROBE, image(), "sh"};
}

std::vector<std::string> UnchangedHost::takeover() const {
  std::vector<std::string> command{DBOOT_INJECT, "--yes"};
  const std::vector<std::string> arguments = takeover_arguments();
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

std::vector<std::string> UnchangedHost::strace(const std::string& fault,
                                               const std::vector<std::string>& arguments,
                                               const std::vector<std::string>& options) {
  std::vector<std::string> command{"strace"};
  command.insert(command.end(), options.begin(), options.end());
  for (const std::string& word :
       {std::string("-qq"), std::string("-o"), std::string("/dev/null"), std::string("-e"),
        "trace=" + fault.substr(0, fault.find(':')), std::string("-e"), "inject=" + fault,
        std::string(DBOOT_INJECT), std::string("--yes")}) {
    command.push_back(word);
  }
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

void UnchangedHost::expect_refusal(const std::vector<std::string>& arguments,
                                   const ::testing::Matcher<int>& status,
                                   const ::testing::Matcher<const std::string&>& message) const {
  std::vector<std::string> command{DBOOT_INJECT, "--yes"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const HostState before = host_.state();
  const auto result = host_.run(command);
  EXPECT_THAT(result.status, status) << result.output;
  EXPECT_THAT(result.output, message);
  EXPECT_THAT(result.output, ::testing::HasSubstr("to mend it: "));
  EXPECT_THAT(differences(before, settled_state()), ::testing::IsEmpty());
}

void UnchangedHost::expect_refusal_of_takeover(
    const ::testing::Matcher<const std::string&>& message) const {
  expect_refusal(takeover_arguments(), 125, message);
}

UnchangedHost::InVfork UnchangedHost::hold_pid_1() {
  InVfork held;
  held.fifo = directory_ / "fifo";
  sys::check(::mkfifo(held.fifo.c_str(), 0600), "mkfifo");
  host_.replace_pid_1({DBOOT_AWKWARD_INIT, "vfork", held.fifo});
  EXPECT_TRUE(eventually([&] { return pid_1().state == 'D'; }));
  held.before = host_.state();
  return held;
}

void UnchangedHost::InVfork::release() const {
  sys::open(fifo, O_WRONLY);
}

std::vector<std::string> UnchangedHost::differences_but_for_vfork(const HostState& before,
                                                                  const HostState& after) {
  std::vector<std::string> all = differences(before, after);
  std::erase_if(all, [](const std::string& difference) {
    return difference.starts_with("changed: pid 1 State: ") ||
           (difference.starts_with("gone: process ") && difference.ends_with(": awkward-init"));
  });
  return all;
}

ProcessStatus UnchangedHost::pid_1() const {
  auto status = read_process_status(host_.pid_1());
  if (!status) throw std::runtime_error("PID 1 of the sandbox has ended");
  return *status;
}

bool UnchangedHost::is_traced() const {
  return pid_1().tracer != 0;
}

bool UnchangedHost::is_replaced() const {
  // Its mount is none of ours, so the path that the link shows begins there.
  return host_.executable_of_pid_1().ends_with("/dboot-init");
}

std::string UnchangedHost::status_file() const {
  return "/proc/" + std::to_string(host_.pid_1()) + "/status";
}

}  // namespace dboot::testing
