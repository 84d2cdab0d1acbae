#include "payload/release/write_back.hpp"

#include <unistd.h>

#include "payload/children/blocking.hpp"

namespace dboot {

Task<> write_back(Log& log, Children& children, Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows(Action::sync)) co_return;
  blocking::Work work = [](const blocking::Report&) { ::sync(); };
  auto child = blocking::run(children, "sync", 2min, std::move(work));
  const auto outcome = co_await std::move(child);
  blocking::note_call(log, "sync", "", outcome);
  if (!outcome.finished()) log.error("not synced", {{"reason", outcome.error}});
}

}  // namespace dboot
