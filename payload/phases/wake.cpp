#include "payload/phases/wake.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "payload/init/requests.hpp"
#include "payload/plan_file.hpp"
#include "payload/record/destinations.hpp"
#include "payload/system/old_descriptors.hpp"
#include "shared/log/sinks.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/namespace.hpp"
#include "shared/system/signals.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::phases {
namespace {

/// A closed 0, 1 or 2 would be given to the next file that is opened.
void occupy_stdio() {
  for (const int fd : {0, 1, 2}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/null", O_RDWR) < 0) ::memfd_create("null", 0);
  }
}

void check_proc() {
  std::array<char, 16> target{};
  const ssize_t size = ::readlink("/proc/self", target.data(), target.size());
  if (size != 1 || target[0] != '1')
    throw std::runtime_error("/proc is not that of this PID namespace: mount proc on it");
}

/// See LastResort; also glibc's.
UniqueFd kernel_log_of(const DeviceNodes& devices) {
  try {
    return devices.open("kmsg", O_WRONLY);
  } catch (const std::system_error&) {
    return {};
  }
}

/// Of the injector, or of a payload before this one.
std::size_t lines_of_record(int directory) {
  try {
    const auto earlier = sys::read_file_at(directory, layout::payload_log_name);
    return static_cast<std::size_t>(std::count(earlier.begin(), earlier.end(), '\n'));
  } catch (const std::system_error&) {
    return 0;
  }
}

std::vector<UniqueFd> duplicates_of_stdio() {
  constexpr int above_stdio = 3;
  std::vector<UniqueFd> fds;
  for (const int fd : {0, 1, 2})
    fds.emplace_back(sys::check(::fcntl(fd, F_DUPFD_CLOEXEC, above_stdio), "duplicate stdio"));
  return fds;
}

}  // namespace

Inheritance wake_up() {
  reset_signals();
  occupy_stdio();
  Inheritance inherited;
  inherited.descriptors_that_hang = old_descriptors::close_all();
  inherited.limits = take_limits();
  try {
    inherited.directory = sys::open(layout::directory, O_PATH | O_DIRECTORY);
    inherited.plan = plan_file::read_at(inherited.directory.get(), layout::plan_name);
    check_proc();
  } catch (const std::exception& error) {
    inherited.refusal = error.what();
  }
  if (!in_initial_namespace("pid")) requests::keep_pending(inherited.plan.stop_signal);
  inherited.permissions = Permissions::of_this_process(inherited.plan.scope);
  return inherited;
}

void leave_stdio(Inheritance& inherited) {
  if (!inherited.permissions.on_machine()) inherited.stdio = duplicates_of_stdio();
  inherited.devices = inherited.permissions.allows(Action::mount_devtmpfs)
                          ? DeviceNodes::detached()
                          : DeviceNodes::of_namespace();
  UniqueFd null;
  try {
    null = inherited.devices.open("null", O_RDWR);
  } catch (const std::system_error&) {
    null.reset(::memfd_create("null", MFD_CLOEXEC));
  }
  std::array<int, 3> stdio{null.get(), null.get(), STDERR_FILENO};
  UniqueFd kernel_log;
  if (inherited.permissions.on_machine()) {
    kernel_log = kernel_log_of(inherited.devices);
    stdio.back() = kernel_log ? kernel_log.get() : null.get();
  }
  inherited.descriptors_that_hang += old_descriptors::replace_stdio(stdio);
}

void open_log(Context& context) {
  const auto& plan = context.plan;
  // The record is complete, whatever the screens show.
  context.log.set_level(std::min(plan.log_level, log::Level::debug));
  if (plan.began.count() != 0) context.log.set_origin(plan.began);
  try {
    const int directory = context.directory.get();
    context.log.set_lines(lines_of_record(directory));
    constexpr int flags = O_CREAT | O_WRONLY | O_APPEND;
    context.log.add_sink(
        log::sinks::file(sys::open_at(directory, layout::payload_log_name, flags, 0600)));
  } catch (const std::system_error&) {
    // The consoles have the log too, and without /run/dboot there is no plan either.
  }
}

Task<> wake(Context& context) {
  context.log.info("payload",
                   {{"program", context.program},
                    {"version", context.version},
                    {"scope", context.permissions.on_machine() ? "machine" : "namespace"},
                    {"injector", context.plan.injector_version}});
  if (const auto denied = context.permissions.denied(); !denied.empty())
    context.log.info("skipped in a namespace", {{"actions", denied}});
  open_destinations(context);
  if (context.plan.disk_log) co_await context.disk_log.start();
  // Ours is the memory that must be there when swap is not.
  if (::mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
    context.log.warning("the payload's memory may be swapped out",
                        {{"reason", std::strerror(errno)}});
  if (context.descriptors_that_hang != 0)
    context.log.warning("files of the old init stay open: their close hangs",
                        {{"count", context.descriptors_that_hang}});
}

}  // namespace dboot::phases
