#include "payload/devices/stale_links.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>

#include "payload/children/blocking.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// Of a link below /dev to something there, which is gone. What leads out of it is not judged.
bool is_stale(int directory, const std::string& name) {
  std::array<char, 1> start{};
  if (::readlinkat(directory, name.c_str(), start.data(), start.size()) != 1 || start[0] == '/')
    return false;
  struct stat status {};
  return ::fstatat(directory, name.c_str(), &status, 0) != 0 && errno == ENOENT;
}

/// Returns whether it has removed something.
bool remove_below(int directory, const std::string& path, const blocking::Report& report) {
  bool removed = false;
  for (const auto& [name, type] : entries_of(directory, path)) {
    auto there = path;
    there.append("/").append(name);
    if (type == DT_LNK && is_stale(directory, name)) {
      const int result = ::unlinkat(directory, name.c_str(), 0) == 0 ? 0 : errno;
      report.call("unlink", there, result);
      removed = removed || result == 0;
    } else if (type == DT_DIR) {
      const UniqueFd below(
          ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!below || !remove_below(below.get(), there, report)) continue;
      removed = true;
      if (entries_of(below.get(), there).empty()) ::unlinkat(directory, name.c_str(), AT_REMOVEDIR);
    }
  }
  return removed;
}

}  // namespace

Task<> remove_stale_links(Log& log, Children& children, const DeviceNodes& devices,
                          Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows(Action::mount_devtmpfs) || devices.mount() < 0) co_return;
  blocking::Work work = [&](const blocking::Report& report) {
    const UniqueFd top = devices.open(".", O_RDONLY | O_DIRECTORY);
    remove_below(top.get(), "/dev", report);
  };
  auto child =
      blocking::run(children, "remove stale links", 5s, std::move(work), {devices.mount()});
  const auto outcome = co_await std::move(child);
  if (!outcome.finished())
    log.warning("names of devices that are gone stay in /dev", {{"reason", outcome.error}});
}

}  // namespace dboot
