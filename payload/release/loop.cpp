#include "payload/release/loop.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "payload/system/blocking.hpp"
#include "shared/log/log.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::loop {
namespace {

std::string backing_file(const std::string& name) {
  auto file = sys::read_file_or_empty("/sys/block/" + name + "/loop/backing_file");
  if (file.ends_with('\n')) file.pop_back();
  return file;
}

std::vector<std::string> in_use() {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/block", none)) {
    std::string name = entry.path().filename();
    if (name.starts_with("loop") && !backing_file(name).empty()) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

Task<std::size_t> detach_all(const DeviceNodes& devices, Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows(Action::detach_loop)) co_return 0;
  std::size_t gone = 0;
  for (const auto& name : in_use()) {
    const std::string file = backing_file(name);
    blocking::Work work = [&](const blocking::Report&) {
      {
        const UniqueFd device = devices.open(name, O_RDONLY | O_NONBLOCK);
        sys::check(::ioctl(device.get(), LOOP_CLR_FD, 0), "detach ", name);
      }
      // One that is mounted goes with its last user, which the kernel calls success (loop.c:
      // LO_FLAGS_AUTOCLEAR).
      if (!backing_file(name).empty()) throw std::runtime_error(name + " is still in use");
    };
    auto child = blocking::run("detach " + name, 10s, std::move(work), {devices.mount()});
    const auto outcome = co_await std::move(child);
    if (outcome.finished()) ++gone;
    log::write(outcome.finished() ? log::Level::info : log::Level::debug,
               outcome.finished() ? "loop device detached" : "loop device stays",
               {{"device", name}, {"file", file}, {"reason", outcome.error}});
  }
  co_return gone;
}

}  // namespace dboot::loop
