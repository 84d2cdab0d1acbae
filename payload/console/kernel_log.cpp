#include "payload/console/kernel_log.hpp"

#include <fcntl.h>
#include <sys/klog.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "payload/children/blocking.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

constexpr int set_console_level = 8;  // SYSLOG_ACTION_CONSOLE_LEVEL, syslog(2)
/// Lines of a level below this are shown: what is worse than an error, of which we write none.
constexpr int worse_than_error = 3;
constexpr int debugging = 7;

}  // namespace

std::optional<int> parse_console_level(const std::string& printk) {
  const auto numbers = words_of(printk);
  return numbers.empty() ? std::nullopt : number_in<int>(numbers.front());
}

void KernelLog::set_level(int level) {
  const int error = ::klogctl(set_console_level, nullptr, level) < 0 ? errno : 0;
  log_.call("klogctl", "console level " + std::to_string(level), error);
}

void KernelLog::take(const DeviceNodes& devices) {
  if (sink_) return;
  if (permissions_.allows(Action::write_sysctl)) {
    devkmsg_.set("on");
    dump_.set("Y");
  }
  if (!permissions_.allows(Action::write_kernel_log)) return;
  console_level_ = parse_console_level(sys::read_file_or_empty("/proc/sys/kernel/printk"));
  set_level(worse_than_error);
  try {
    sink_ = log::sinks::kmsg(devices.open("kmsg", O_WRONLY | O_NONBLOCK));
    log_.add_sink(sink_, Log::Level::info);
  } catch (const std::system_error& error) {
    log_.warning("no kernel log", {{"reason", error.what()}});
  }
}

void KernelLog::show_on_consoles() {
  if (sink_) set_level(debugging);
}

/// The kernel decides whether a console shows a line when it gets there, not when the line is
/// written: lines that are still under way would be shown at the old level. Reading this file takes
/// the consoles' lock, and giving it back writes out what is left (kernel/printk: console_unlock).
Task<> KernelLog::wait_for_consoles() {
  using namespace std::chrono_literals;
  blocking::Work work = [](const blocking::Report&) { sys::read_file("/proc/consoles"); };
  auto child = blocking::run(children_, "wait for the consoles", 2s, std::move(work));
  const auto outcome = co_await std::move(child);
  if (!outcome.finished()) log_.debug("consoles", {{"reason", outcome.error}});
}

Task<> KernelLog::restore() {
  if (console_level_) co_await wait_for_consoles();
  if (sink_) log_.remove_sink(std::exchange(sink_, nullptr));
  devkmsg_.restore();
  dump_.restore();
  if (console_level_) set_level(*console_level_);
  console_level_.reset();
}

}  // namespace dboot
