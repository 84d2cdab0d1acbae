#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "shared/system/unique_fd.hpp"

namespace dboot::machine {

/// A program that this one has started and kills, by its pid, when the object goes; the kernel does
/// it when this program is killed itself.
class Child {
 public:
  /// `inherited[n]` becomes the child's descriptor 3 + n; its stdin is /dev/null, its stdout and
  /// stderr go to `log`. The program is looked up in PATH. Throws std::system_error.
  Child(const std::vector<std::string>& arguments, const std::vector<int>& inherited, int log);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  /// Waits for its end. The exit status, or 128 + the signal.
  int wait();
  /// Readable when it has ended.
  int pidfd() const { return pidfd_.get(); }
  bool ended();

 private:
  pid_t pid_;
  UniqueFd pidfd_;
  int status_ = -1;
};

struct Output {
  std::string text;
  int status = 0;
};

/// Runs a program to its end; what it says on stdout and stderr, and its exit status.
Output run_program(const std::vector<std::string>& arguments);

}  // namespace dboot::machine
