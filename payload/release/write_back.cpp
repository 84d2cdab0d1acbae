#include "payload/release/write_back.hpp"

#include <unistd.h>

#include "payload/system/blocking.hpp"
#include "shared/log/log.hpp"

namespace dboot {

Task<> sync_disks(Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows_logged(Action::sync)) co_return;
  blocking::Work work = [](const blocking::Report&) { ::sync(); };
  auto child = blocking::run("sync", 2min, std::move(work));
  const auto outcome = co_await std::move(child);
  if (!outcome.finished()) log::error("not synced", {{"reason", outcome.error}});
}

}  // namespace dboot
