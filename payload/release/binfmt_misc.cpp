#include "payload/release/binfmt_misc.hpp"

#include <algorithm>

#include "payload/children/blocking.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {

Task<> clear_binfmt_misc(Log& log, Children& children, Permissions permissions) {
  using namespace std::chrono_literals;
  const auto table = read_mount_table();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [](const Mount& mount) { return mount.type == "binfmt_misc"; });
  if (found == table.end() || !permissions.allows(Action::change_filesystem)) co_return;
  const std::string status = found->mount_point + "/status";
  blocking::Work work = [&status](const blocking::Report&) { sys::write_file(status, "-1"); };
  auto child = blocking::run(children, "clear binfmt_misc", 2s, std::move(work));
  const auto outcome = co_await std::move(child);
  blocking::note_call(log, "write", status, outcome);
  if (!outcome.finished()) log.warning("binfmt_misc stays", {{"reason", outcome.error}});
}

}  // namespace dboot
