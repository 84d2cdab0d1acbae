#include "payload/release/binfmt_misc.hpp"

#include <fcntl.h>

#include "payload/children/blocking.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/detached_mount.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// Asked for where it is not there, the kernel would load its module.
bool is_known_to_kernel() {
  const auto filesystems = sys::read_file_or_empty("/proc/filesystems");
  return filesystems.find("\tbinfmt_misc\n") != std::string::npos;
}

/// All mounts of it show the same entries, wherever the old system has put them.
void clear(const blocking::Report& report) {
  const UniqueFd formats = detached_mount::make("binfmt_misc");
  std::vector<std::string> names;
  for (const auto& [name, type] : entries_of(formats.get(), "binfmt_misc")) {
    if (name != "register" && name != "status") names.push_back(name);
  }
  if (names.empty()) return;
  constexpr std::string_view all_go = "-1";
  sys::write_all(sys::open_at(formats.get(), "status", O_WRONLY).get(), all_go);
  report.call("write", "status of binfmt_misc");
  report.info("binary formats of the old system removed", {{"names", joined(names, ",")}});
}

}  // namespace

Task<> clear_binfmt_misc(Log& log, Children& children, Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows(Action::change_filesystem) || !is_known_to_kernel()) co_return;
  auto child = blocking::run(children, "clear binfmt_misc", 2s, clear);
  const auto outcome = co_await std::move(child);
  if (!outcome.finished()) log.warning("binfmt_misc stays", {{"reason", outcome.error}});
}

}  // namespace dboot
