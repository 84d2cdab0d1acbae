#include "payload/cgroups/thaw.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <system_error>

#include "payload/cgroups/hierarchy.hpp"
#include "payload/children/blocking.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// How a group says that it is frozen, and is told not to be (cgroup-v2.rst,
/// freezer-subsystem.rst).
struct Freezer {
  const char* file;
  std::string_view thawed;
};
constexpr Freezer of_version_2{"cgroup.freeze", "0"};
constexpr Freezer of_version_1{"freezer.state", "THAWED"};

/// In version 1 also for a group above it.
bool is_frozen(int group, const Freezer& freezer) {
  try {
    return !sys::read_file_at(group, freezer.file).starts_with(freezer.thawed);
  } catch (const std::system_error&) {
    return false;  // it has just been removed
  }
}

/// One that cannot be thawed must not keep the others.
void thaw(int group, const std::string& place, const Freezer& freezer,
          const blocking::Report& report) {
  try {
    sys::write_all(sys::open_at(group, freezer.file, O_WRONLY).get(), freezer.thawed);
    report.info("frozen processes may go on, in order to end", {{"cgroup", place}});
  } catch (const std::system_error& error) {
    report.warning("what is frozen stays frozen", {{"cgroup", place}, {"reason", error.what()}});
  }
}

void thaw_below(int parent, const std::string& path, const Freezer& freezer,
                const blocking::Report& report) {
  for (const auto& [name, type] : entries_of(parent, "of cgroups")) {
    if (type != DT_DIR) continue;
    const UniqueFd group(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!group) continue;
    const auto place = path + '/' + name;
    if (is_frozen(group.get(), freezer)) thaw(group.get(), place, freezer, report);
    thaw_below(group.get(), place, freezer, report);
  }
}

}  // namespace

Task<> thaw_cgroups(Log& log, Children& children, Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows(Action::thaw_cgroups)) co_return;
  auto looking = read_cgroup_hierarchies(log, children);
  const auto hierarchies = co_await std::move(looking);
  for (const auto& hierarchy : hierarchies) {
    if (!hierarchy.unified() && !hierarchy.controls("freezer")) continue;
    blocking::Work work = [&hierarchy](const blocking::Report& report) {
      const UniqueFd root = mount_root_of(hierarchy);
      thaw_below(root.get(), "", hierarchy.unified() ? of_version_2 : of_version_1, report);
    };
    auto child = blocking::run(children, "thaw cgroups", 2s, std::move(work));
    const auto outcome = co_await std::move(child);
    if (!outcome.finished())
      log.warning("what is frozen stays frozen",
                  {{"hierarchy", hierarchy.name()}, {"reason", outcome.error}});
  }
}

}  // namespace dboot
