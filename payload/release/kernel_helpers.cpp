#include "payload/release/kernel_helpers.hpp"

#include <algorithm>
#include <array>
#include <system_error>

#include "payload/children/blocking.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

struct Helper {
  std::string_view setting;
  std::string_view fresh;
};

/// As the kernel is built: CONFIG_MODPROBE_PATH and CONFIG_UEVENT_HELPER_PATH may be others, and
/// are these in every distribution that is known (core(5), kernel/umh.c, kernel/reboot.c).
constexpr std::array<Helper, 4> helpers{{{"kernel.core_pattern", "core"},
                                         {"kernel.modprobe", "/sbin/modprobe"},
                                         {"kernel.hotplug", ""},
                                         {"kernel.poweroff_cmd", "/sbin/poweroff"}}};

std::string path_of(std::string_view setting) {
  std::string path(setting);
  std::replace(path.begin(), path.end(), '.', '/');
  return "/proc/sys/" + path;
}

void reset(std::string_view setting, const blocking::Report& report) {
  const auto path = path_of(setting);
  auto value = sys::read_file_or_empty(path);
  if (value.ends_with('\n')) value.pop_back();
  const auto fresh = fresh_helper(setting, value);
  if (!fresh) return;
  try {
    sys::write_file(path, *fresh + '\n');
    report.info("kernel helper reset", {{"setting", setting}, {"was", value}, {"is", *fresh}});
  } catch (const std::system_error& error) {
    report.warning("kernel helper of the old system stays",
                   {{"setting", setting}, {"is", value}, {"reason", error.what()}});
  }
}

}  // namespace

std::optional<std::string> fresh_helper(std::string_view setting, std::string_view value) {
  const auto* const found = std::find_if(helpers.begin(), helpers.end(), [&](const Helper& helper) {
    return helper.setting == setting;
  });
  if (found == helpers.end() || value == found->fresh) return std::nullopt;
  // A pattern of files is a wish of somebody's; behind '|' it is a program, behind '@' its socket.
  const bool names_program =
      setting != "kernel.core_pattern" || value.starts_with('|') || value.starts_with('@');
  // An empty one switches a helper off, which keeps nothing of the old system.
  if (!names_program || value.empty()) return std::nullopt;
  return std::string(found->fresh);
}

Task<> reset_kernel_helpers(Log& log, Children& children, Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows(Action::write_sysctl)) co_return;
  blocking::Work work = [](const blocking::Report& report) {
    for (const auto& helper : helpers) reset(helper.setting, report);
  };
  auto child = blocking::run(children, "reset kernel helpers", 2s, std::move(work));
  const auto outcome = co_await std::move(child);
  if (!outcome.finished())
    log.warning("kernel helpers of the old system stay", {{"reason", outcome.error}});
}

}  // namespace dboot
