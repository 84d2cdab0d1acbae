#pragma once

#include <string>

#include "shared/system/unique_fd.hpp"

namespace dboot::payload_file {

struct Payload {
  UniqueFd fd;
  std::string path;
  bool own = true;  ///< the dboot-init of this program, which understands --self-test
};

/// Opens the payload: `path` when it is not empty, else dboot-init beside this program (a build
/// tree), else the installed one. Throws Failure that says where it looked.
Payload locate(const std::string& path);

/// Throws Failure unless the kernel can load the file and it needs no other one: no library of the
/// old or of the new system is promised to a payload.
void check(int fd);

/// Runs `name` below `directory` with --self-test as PID 1 of a PID namespace of its own, because a
/// damaged program kills its process after execve's point of no return, and that process would be
/// PID 1. Throws Failure when it does not end with status 0 within ten seconds.
void prove(int directory, const std::string& name);

}  // namespace dboot::payload_file
