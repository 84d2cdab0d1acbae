#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "shared/system/unique_fd.hpp"

/// For parts of the payload that are tried by themselves.
namespace dboot {

struct Pipe {
  Pipe();
  /// All that has been written to it, once nobody can write any more.
  std::string text();

  UniqueFd out;
  UniqueFd in;
};

/// What `body` answers as the PID 1 of namespaces of its own, which it may empty.
std::string as_pid_1(const std::function<std::string()>& body);

/// Nothing to read, and two times that to write to.
std::vector<UniqueFd> null_and(const UniqueFd& output);

/// A child with that argv[0].
pid_t start_sleeping(const char* name);

/// Its argv[0], which tells one sleep from another.
std::string name_of(pid_t pid);

}  // namespace dboot
