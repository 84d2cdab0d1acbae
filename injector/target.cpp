#include "injector/target.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "injector/failure.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

NamespaceId require(const std::optional<NamespaceId>& pid_namespace) {
  if (!pid_namespace) {
    throw Failure("the PID namespace of PID 1 cannot be read from /proc/1/ns/pid",
                  "run dboot-inject as root, with /proc mounted and all capabilities that PID 1 "
                  "has; in a sandbox only --rehearse works");
  }
  return *pid_namespace;
}

}  // namespace

Target::Target(pid_t pid, bool own)
    : pid_(pid),
      own_(own),
      machine_(own && in_initial_namespace("pid")),
      pidfd_(sys::try_pidfd_open(pid)),
      proc_(sys::open("/proc/" + std::to_string(pid), O_PATH | O_DIRECTORY)),
      pid_namespace_(require(namespace_of(proc_.get(), "pid"))),
      own_pid_namespace_(require(namespace_of("self", "pid"))) {
  if (!pidfd_) sys::fail(errno, {"pidfd_open ", std::to_string(pid)});
  verify();
}

Target Target::own_pid_1() {
  return {1, true};
}

Target Target::init_of_namespace(pid_t pid) {
  return {pid, false};
}

void Target::verify() const {
  const auto refuse = [this](const std::string& why) {
    throw Failure("process " + std::to_string(pid_) + " is not the one to take over: " + why, "");
  };
  if (pollfd ended{pidfd_.get(), POLLIN, 0}; ::poll(&ended, 1, 0) != 0) refuse("it has ended");
  const NamespaceId now = require(namespace_of(proc_.get(), "pid"));
  if (now != pid_namespace_) refuse("its PID namespace has changed");
  const bool in_own_namespace = now == own_pid_namespace_;
  if (own_) {
    if (pid_ != 1 || !in_own_namespace) refuse("it is not PID 1 of this PID namespace");
    return;
  }
  if (pid_ == 1 || in_own_namespace)
    refuse("a rehearsal takes over only the init of its own namespace");
  const auto status = read_process_status_at(proc_.get());
  if (!status || status->namespace_pids.size() < 2 || status->namespace_pids.back() != 1) {
    refuse("it is not the init of a PID namespace");
  }
}

UniqueFd Target::open_root() const {
  return sys::open_at(proc_.get(), "root", O_PATH | O_DIRECTORY);
}

void Target::enter() const {
  const UniqueFd root = open_root();
  const std::string pid = std::to_string(pid_);
  if (namespace_of("self", "mnt") != namespace_of(proc_.get(), "mnt")) {
    const UniqueFd fd = sys::open_at(proc_.get(), "ns/mnt", O_RDONLY);
    sys::check(::setns(fd.get(), CLONE_NEWNS), "enter the mount namespace of process ", pid);
  }
  sys::check(::fchdir(root.get()), "enter the root directory of process ", pid);
  sys::check(::chroot("."), "enter the root directory of process ", pid);
}

void Target::enter_network() const {
  const UniqueFd fd = sys::open_at(proc_.get(), "ns/net", O_RDONLY);
  sys::check(::setns(fd.get(), CLONE_NEWNET), "enter the network namespace of process ",
             std::to_string(pid_));
}

}  // namespace dboot
