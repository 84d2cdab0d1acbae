#pragma once

#include <sys/types.h>

#include <string>

#include "shared/proc/namespace.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// The PID 1 that is to execute the payload. There are two ways to get one and none to turn one
/// into the other, and verify() holds what was meant against what the kernel says: a rehearsal
/// cannot fall through to the PID 1 of the machine.
class Target {
 public:
  /// PID 1 of the injector's own PID namespace. Throws Failure when it cannot be looked at.
  static Target own_pid_1();

  /// The PID 1 of another PID namespace, by its pid in the injector's. Throws Failure when `pid` is
  /// not the init of a namespace below the injector's own.
  static Target init_of_namespace(pid_t pid);

  /// Its pid as the injector and ptrace(2) see it.
  pid_t pid() const noexcept { return pid_; }
  /// True when the takeover replaces the system of the machine: own PID 1, initial PID namespace.
  bool is_machine() const noexcept { return machine_; }
  /// Its directory below /proc. It goes on naming this process where /proc is that of another PID
  /// namespace (in the target's mount namespace), and when its pid is used again.
  int proc() const noexcept { return proc_.get(); }
  /// A pidfd of the process; readable when it ends.
  int pidfd() const noexcept { return pidfd_.get(); }

  /// Throws Failure unless the process still lives and is still what it was when this object was
  /// made. To be called right before every attach.
  void verify() const;

  /// Its root directory, which is not the caller's where that is in a chroot or another mount
  /// namespace. Throws.
  UniqueFd open_root() const;

  /// Enters the process's mount namespace when it is another one than the caller's, and its root
  /// directory: what is mounted at a path from here on, the process finds at that path. Only while
  /// the caller is single-threaded (setns(2): EINVAL otherwise). The working directory becomes "/".
  /// Throws.
  void enter() const;

  /// Enters its network namespace when it is another one than the caller's. Throws.
  void enter_network() const;

 private:
  Target(pid_t pid, bool own);

  pid_t pid_;
  bool own_;
  bool machine_;
  UniqueFd pidfd_;
  UniqueFd proc_;
  NamespaceId pid_namespace_;
  NamespaceId own_pid_namespace_;  ///< of the injector, which never changes
};

}  // namespace dboot
