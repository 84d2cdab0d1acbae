#include "payload/guardian/note.hpp"

#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "payload/children/blocking.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

constexpr const char* directory = "/etc/profile.d";
constexpr const char* file = "/etc/profile.d/dboot-came-back.sh";

std::string utc_now() {
  const std::time_t now = ::time(nullptr);
  tm parts{};
  std::array<char, 32> text{};
  ::gmtime_r(&now, &parts);
  const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return {text.data(), size};
}

}  // namespace

std::string note_of_return(std::string_view time) {
  // The shells of logins of all kinds read it: sh, and nothing that it leaves behind.
  std::string text = R"sh(# Written by dboot-init; root's next login removes it.
dboot_why() {
  for dboot_file in /sys/fs/pstore/dmesg-* /var/lib/systemd/pstore/dmesg-* /var/lib/systemd/pstore/*/dmesg* /var/lib/systemd/pstore/*/*/dmesg*; do
    [ -f "$dboot_file" ] && grep -aE 'guardian the machine goes back|Kernel panic - not syncing' "$dboot_file"
  done 2>/dev/null | sed 's/^.*\(guardian the\|Kernel panic\)/\1/' | tail -n 1
}
dboot_reason=$(dboot_why)
echo "dboot: this machine was taken over at TIME, and has come back."
echo "dboot: why: ${dboot_reason:-not known. It was reset or switched off, or has no memory that outlives a reboot (pstore)}"
echo "dboot: its log up to the release of the disks is in /var/log/dboot; dboot-log --previous shows more."
unset -f dboot_why
unset dboot_reason dboot_file
[ "$(id -u)" != 0 ] || rm -f FILE
)sh";
  for (const auto& [name, value] : {std::pair<std::string_view, std::string_view>{"TIME", time},
                                    std::pair<std::string_view, std::string_view>{"FILE", file}}) {
    const auto at = text.find(name);
    text.replace(at, name.size(), value);
  }
  return text;
}

Task<> leave_note(Log& log, Children& children, Permissions permissions, const Plan& plan) {
  using namespace std::chrono_literals;
  if (plan.confirm_within.count() == 0 || !permissions.allows(Action::write_old_disk)) co_return;
  blocking::Work work = [](const blocking::Report& report) {
    if (::access(directory, F_OK) != 0) return;
    sys::replace_file(file, note_of_return(utc_now()), 0644);
    report.call("write", file);
  };
  auto child = blocking::run(children, "leave a note", 10s, std::move(work));
  const auto outcome = co_await std::move(child);
  if (!outcome.finished())
    log.warning("the old system will not say that the machine has come back",
                {{"reason", outcome.error}});
}

}  // namespace dboot
