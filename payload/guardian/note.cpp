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
  // The shells of logins of all kinds read it: sh, and nothing that it leaves behind. Scripts that
  // log in (su - NAME -c) do not want to read it.
  std::string text = R"sh(# Written by dboot-init; root's next login on a terminal removes it.
dboot_came_back() {
  dboot_reason=
  for dboot_file in /sys/fs/pstore/dmesg-* /var/lib/systemd/pstore/dmesg-* /var/lib/systemd/pstore/*/dmesg* /var/lib/systemd/pstore/*/*/dmesg*; do
    [ -r "$dboot_file" ] && [ "$dboot_file" -nt FILE ] || continue
    dboot_reason=$(grep -aoE '(guardian the machine goes back|the guardian has ended|Kernel panic - not syncing).*' "$dboot_file" | tail -n 1) || :
    [ -z "$dboot_reason" ] || break
  done
  echo "dboot: this machine was taken over at TIME, and has come back."
  echo "dboot: why: ${dboot_reason:-not known here. It was reset or switched off, has no memory that outlives a reboot (pstore), or you are not root}"
  echo "dboot: the log up to the release of the disks is in /var/log/dboot; dboot-log --previous shows more."
  [ "$(id -u)" != 0 ] || rm -f FILE || :
  unset dboot_reason dboot_file
}
case $- in *i*) dboot_came_back || : ;; esac
unset -f dboot_came_back
)sh";
  for (const auto& [name, value] : {std::pair<std::string_view, std::string_view>{"TIME", time},
                                    std::pair<std::string_view, std::string_view>{"FILE", file}}) {
    for (auto at = text.find(name); at != std::string::npos;
         at = text.find(name, at + value.size()))
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
