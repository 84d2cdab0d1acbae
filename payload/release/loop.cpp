#include "payload/release/loop.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "payload/children/blocking.hpp"
#include "shared/devices/device_graph.hpp"
#include "shared/devices/storage.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

bool is_attached(const std::string& name) {
  return !sys::read_file_or_empty("/sys/block/" + name + "/loop/backing_file").empty();
}

}  // namespace

LoopDevices::LoopDevices(Log& log, Children& children, const DeviceNodes& devices,
                         Permissions permissions)
    : log_(log),
      children_(children),
      devices_(devices),
      allowed_(permissions.allows(Action::detach_loop)) {}

Task<std::size_t> LoopDevices::release(Round round) {
  using namespace std::chrono_literals;
  if (!allowed_) co_return 0;
  std::size_t gone = 0;
  for (const auto& device : read_block_devices()) {
    if (device.backing_file.empty()) continue;
    const auto& name = device.name;
    const auto rounds = ++rounds_[name];
    blocking::Work work = [&](const blocking::Report&) {
      {
        const UniqueFd fd = devices_.open(name, O_RDONLY | O_NONBLOCK);
        sys::check(::ioctl(fd.get(), LOOP_CLR_FD, 0), "detach ", name);
      }
      // One that is mounted goes with its last user, which the kernel calls success (loop.c:
      // LO_FLAGS_AUTOCLEAR).
      if (is_attached(name)) throw std::runtime_error(name + " is still in use");
    };
    auto child =
        blocking::run(children_, "detach " + name, 10s, std::move(work), {devices_.mount()});
    const auto outcome = co_await std::move(child);
    blocking::note_call(log_, "LOOP_CLR_FD", name, outcome);
    if (outcome.finished()) {
      ++gone;
      log_.info("loop device detached",
                {{"device", name}, {"file", device.backing_file}, {"rounds", rounds}});
    } else {
      const auto held_by =
          round == Round::last ? DeviceGraph(read_storage()).holders_text(name) : "unknown";
      log_.write(round == Round::last ? Log::Level::warning : Log::Level::debug,
                 "loop device stays",
                 {{"device", name},
                  {"file", device.backing_file},
                  {"rounds", rounds},
                  {"held_by", held_by},
                  {"reason", outcome.error}});
    }
  }
  co_return gone;
}

}  // namespace dboot
