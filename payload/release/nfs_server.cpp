#include "payload/release/nfs_server.hpp"

#include <fcntl.h>

#include <algorithm>
#include <stdexcept>

#include "payload/children/blocking.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/detached_mount.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

bool runs() {
  const auto pids = list_processes();
  return std::any_of(pids.begin(), pids.end(), [](pid_t pid) {
    const auto status = read_process_status(pid);
    return status && status->kernel_thread && status->name == "nfsd";
  });
}

/// With its last thread it lets go of what it exports (fs/nfsd/nfssvc.c: nfsd_last_thread). The
/// mount is of the network namespace of who makes it.
void stop() {
  const UniqueFd control = detached_mount::make("nfsd");
  const UniqueFd threads = sys::open_at(control.get(), "threads", O_WRONLY);
  sys::write_all(threads.get(), "0\n");
}

}  // namespace

Task<> stop_nfs_server(Log& log, Children& children, Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows(Action::stop_nfs_server) || !runs()) co_return;
  blocking::Work work = [](const blocking::Report&) {
    stop();
    if (runs()) throw std::runtime_error("one of another network namespace runs on");
  };
  auto child = blocking::run(children, "stop nfsd", 10s, std::move(work));
  const auto outcome = co_await std::move(child);
  blocking::note_call(log, "write", "threads of nfsd", outcome);
  if (outcome.finished()) {
    log.info("NFS server stopped");
  } else {
    log.warning("NFS server stays", {{"reason", outcome.error}});
  }
}

}  // namespace dboot
