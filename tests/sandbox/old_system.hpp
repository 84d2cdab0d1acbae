#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "shared/plan/plan.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::test {

/// A system for the payload to end: namespaces of its own, a script that starts its processes, a
/// new root with busybox, and a PID 1 that executes dboot-init as an injected one does.
class OldSystem {
 public:
  OldSystem();
  OldSystem(const OldSystem&) = delete;
  OldSystem& operator=(const OldSystem&) = delete;
  ~OldSystem();

  /// What the new system runs, by /bin/sh -c; the plan may be changed before start().
  void command(const std::string& script);
  Plan& plan() { return plan_; }
  /// The plan file as it stands there; by default the encoded plan().
  void plan_bytes(std::vector<std::uint8_t> bytes) { bytes_ = std::move(bytes); }
  /// Run by the host's sh before the payload; processes that it leaves are the old system's.
  void processes(const std::string& script) { processes_ = script; }
  /// Has the payload's system calls written to witness()/strace.
  void trace() { traced_ = true; }
  /// As trace(), with a fault in the words of strace's -e inject: in each process, counted by
  /// itself, or in PID 1 alone. Execution of the payload is not a call of the payload.
  enum class Where { everywhere, in_pid_1 };
  void inject(const std::string& fault, Where where = Where::everywhere) {
    traced_ = true;
    fault_ = fault;
    fault_in_ = where;
  }
  /// PID 1 may have so many descriptors: as its own choice, or by a limit that it cannot raise.
  enum class Limit { soft, hard };
  void limit_descriptors(unsigned count, Limit kind) {
    descriptors_ = count;
    limit_ = kind;
  }
  /// PID 1 has a connection whose close(2) waits for its peer, who reads nothing.
  void hold_a_connection_that_lingers() { lingers_ = true; }
  /// Somebody outside listens for datagrams on that port of the old system's loopback, and reads
  /// nothing before the end: received().
  void listen_on(std::uint16_t port) { port_ = port; }
  const std::vector<std::string>& received() const { return received_; }
  /// As if flow control had stopped the console: nobody reads it before the end.
  void leave_console_unread() { console_is_read_ = false; }
  /// A directory that old processes can leave traces in.
  const std::string& witness() const { return witness_; }
  std::string witnessed(const std::string& file) const;

  /// Starts, answers with `input` on the console, and waits for the end. The exit status of PID 1.
  int run(const std::string& input = "");
  /// What has been written to the console, without carriage returns.
  const std::string& output() const { return output_; }

 private:
  [[noreturn]] void be_pid_1(const char* slave, int appointment);
  void furnish(const char* slave) const;
  void make_root() const;
  void start_processes() const;
  void start_tracer(int appointment);
  void collect(int master);
  void limit() const;
  void linger() const;
  void listen(int appointment) const;
  void receive(int appointment);

  Plan plan_;
  std::vector<std::uint8_t> bytes_;
  std::string processes_;
  bool traced_ = false;
  std::string fault_;
  Where fault_in_ = Where::everywhere;
  unsigned descriptors_ = 0;  ///< 0: as they are
  Limit limit_ = Limit::soft;
  bool lingers_ = false;
  std::uint16_t port_ = 0;
  UniqueFd receiver_;
  std::vector<std::string> received_;
  bool console_is_read_ = true;
  std::string witness_;
  std::string output_;
  pid_t pid_ = 0;
  pid_t tracer_ = 0;
  UniqueFd words_of_tracer_;  ///< its standard error; a pipe holds all that it says
};

}  // namespace dboot::test
