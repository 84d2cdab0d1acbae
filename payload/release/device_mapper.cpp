#include "payload/release/device_mapper.hpp"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "payload/children/blocking.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// The kernel knows it by its number: names may be anything.
dm_ioctl request_for(const BlockDevice& device, std::size_t size) {
  dm_ioctl request{};
  request.version[0] = DM_VERSION_MAJOR;
  request.data_size = static_cast<std::uint32_t>(size);
  request.dev = device.number;
  return request;
}

UniqueFd control(const DeviceNodes& nodes) {
  return nodes.open("mapper/control", O_RDWR);
}

void remove(const BlockDevice& device, const DeviceNodes& nodes) {
  const UniqueFd fd = control(nodes);
  auto request = request_for(device, sizeof(dm_ioctl));
  sys::check(::ioctl(fd.get(), DM_DEV_REMOVE, &request), "remove ", device.name);
}

void resume(const BlockDevice& device, const DeviceNodes& nodes) {
  const UniqueFd fd = control(nodes);
  auto request = request_for(device, sizeof(dm_ioctl));
  sys::check(::ioctl(fd.get(), DM_DEV_SUSPEND, &request), "resume ", device.name);
}

/// Documentation/admin-guide/device-mapper/dm-queue-length.rst, dm-mpath.c.
void fail_without_path(const BlockDevice& device, const DeviceNodes& nodes) {
  // With its final zero.
  constexpr std::string_view message("fail_if_no_path", sizeof "fail_if_no_path");
  constexpr std::size_t text_at = sizeof(dm_ioctl) + sizeof(dm_target_msg);
  alignas(dm_ioctl) std::array<char, text_at + message.size()> bytes{};
  auto request = request_for(device, bytes.size());
  request.data_start = sizeof(dm_ioctl);
  std::memcpy(bytes.data(), &request, sizeof request);
  std::copy(message.begin(), message.end(), bytes.begin() + text_at);
  const UniqueFd fd = control(nodes);
  sys::check(::ioctl(fd.get(), DM_TARGET_MSG, bytes.data()), "tell ", device.name);
}

bool is_mapping(const BlockDevice& device) {
  return device.name.starts_with("dm-");
}

std::string attribute(const BlockDevice& device, const std::string& name) {
  return sys::read_file_or_empty("/sys/class/block/" + device.name + "/dm/" + name);
}

Task<> tell(Log& log, Children& children, const BlockDevice& device, const DeviceNodes& nodes,
            std::string what, void (*call)(const BlockDevice&, const DeviceNodes&)) {
  using namespace std::chrono_literals;
  blocking::Work work = [&device, &nodes, call](const blocking::Report&) { call(device, nodes); };
  auto child =
      blocking::run(children, what + ' ' + device.name, 10s, std::move(work), {nodes.mount()});
  const auto outcome = co_await std::move(child);
  blocking::note_call(log, what, device.name, outcome);
  log.write(outcome.finished() ? Log::Level::info : Log::Level::warning,
            outcome.finished() ? "mapping answers again" : "mapping may not answer",
            {{"device", device.name},
             {"name", device.mapped_name},
             {"by", what},
             {"result", outcome.finished() ? "done" : outcome.error}});
}

}  // namespace

const StackKind device_mapper{"device mapper", Action::remove_mapping, "DM_DEV_REMOVE", is_mapping,
                              remove};

Task<> make_mappings_answer(Log& log, Children& children, const DeviceNodes& nodes,
                            Permissions permissions) {
  if (!permissions.allows(Action::remove_mapping)) co_return;
  for (const auto& device : read_block_devices()) {
    if (!is_mapping(device)) continue;
    if (attribute(device, "uuid").starts_with("mpath-")) {
      auto telling = tell(log, children, device, nodes, "fail_if_no_path", fail_without_path);
      co_await std::move(telling);
    }
    if (attribute(device, "suspended").starts_with('1')) {
      auto telling = tell(log, children, device, nodes, "resume", resume);
      co_await std::move(telling);
    }
  }
}

}  // namespace dboot
