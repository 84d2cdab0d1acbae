#pragma once

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "shared/proc/process_status.hpp"
#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::testing {

/// A host, an image for it, and what must be the same after a takeover that has failed.
class UnchangedHost : public ::testing::Test {
 protected:
  UnchangedHost();

  /// A file outside of the sandbox that can be read inside.
  std::string file(const std::string& name, const std::string& content, unsigned mode = 0644) const;
  /// The tar of a busybox system.
  std::string image() const;

  /// What the host looks like, once PID 1 has gone back to sleep.
  HostState settled_state() const;

  /// A takeover by a payload that only waits, which succeeds if nothing gets in its way.
  std::vector<std::string> takeover_arguments() const;
  std::vector<std::string> takeover() const;
  /// dboot-inject --yes with these arguments under strace, which injects a fault.
  static std::vector<std::string> strace(const std::string& fault,
                                         const std::vector<std::string>& arguments,
                                         const std::vector<std::string>& options = {"-f"});

  /// Runs dboot-inject --yes with these arguments: it ends with that status, says the cause and the
  /// mend, and changes nothing.
  void expect_refusal(const std::vector<std::string>& arguments,
                      const ::testing::Matcher<int>& status,
                      const ::testing::Matcher<const std::string&>& message) const;
  void expect_refusal_of_takeover(const ::testing::Matcher<const std::string&>& message) const;

  /// While it lives, PID 1 waits in vfork and cannot be stopped.
  struct InVfork {
    std::string fifo;
    HostState before;

    void release() const;
  };
  InVfork hold_pid_1();
  /// Without the end of the child that PID 1 waited for.
  static std::vector<std::string> differences_but_for_vfork(const HostState& before,
                                                            const HostState& after);

  ProcessStatus pid_1() const;
  bool is_traced() const;
  bool is_replaced() const;
  std::string status_file() const;

  TemporaryDirectory directory_;
  SandboxHost host_;
};

}  // namespace dboot::testing
