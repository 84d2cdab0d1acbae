#include "injector/rehearsal/payload_log.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "injector/report.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

constexpr const char* name = "payload.log";
constexpr std::size_t at_once = std::size_t{1} << 16U;

}  // namespace

PayloadLog::PayloadLog(int directory, log::Level level)
    : directory_(sys::check(::fcntl(directory, F_DUPFD_CLOEXEC, 3), "duplicate a directory")),
      inotify_(sys::check(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK), "inotify_init1")),
      level_(level) {
  const std::string path = "/proc/self/fd/" + std::to_string(directory);
  sys::check(::inotify_add_watch(inotify_.get(), path.c_str(), IN_CREATE | IN_MODIFY), "watch ",
             layout::directory);
}

std::string PayloadLog::read() {
  std::array<char, 4096> buffer;
  while (::read(inotify_.get(), buffer.data(), buffer.size()) > 0) {
  }
  // A payload of somebody else's may have put anything there.
  constexpr int flags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC;
  if (!file_) file_.reset(::openat(directory_.get(), name, flags));
  std::string text(at_once, '\0');
  const ssize_t count = ::read(file_.get(), text.data(), text.size());
  more_ = count == static_cast<ssize_t>(at_once);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return text;
}

std::string PayloadLog::take() {
  unfinished_ += read();
  const auto end = unfinished_.rfind('\n') + 1;
  const std::string lines = unfinished_.substr(0, end);
  unfinished_.erase(0, end);
  std::string shown;
  for (const auto line : lines_of(lines)) {
    const auto record = log::parse(line);
    if (record && report::is_phase(record->phase)) continue;
    is_there_ = true;
    if (!record || record->level >= level_) shown += std::string(line) + '\n';
    if (!record) continue;
    if (record->phase == "supervise") had_command_ = true;
    if (record->message == "the system ends") end_of_system_ = record->fact("by").value_or("");
    last_ = record;
  }
  if (!unfinished_.empty()) is_there_ = true;
  if (unfinished_.size() >= at_once) shown += take_rest();
  return shown;
}

std::string PayloadLog::take_rest() {
  return std::exchange(unfinished_, "");
}

}  // namespace dboot
