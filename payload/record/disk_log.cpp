#include "payload/record/disk_log.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <utility>

#include "shared/plan/layout.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;

constexpr const char* parent = "/var/log";
constexpr const char* place = "/var/log/dboot";
/// What the writer ends with when there is no disk to write to.
constexpr int not_on_a_disk = 2;

enum class Medium { none, disk, overlay };

Medium medium_of(const std::string& path) {
  struct statfs status {};
  if (::statfs(path.c_str(), &status) != 0 || status.f_type == TMPFS_MAGIC ||
      status.f_type == RAMFS_MAGIC || (static_cast<unsigned long>(status.f_flags) & ST_RDONLY) != 0)
    return Medium::none;
  return status.f_type == OVERLAYFS_SUPER_MAGIC ? Medium::overlay : Medium::disk;
}

/// What a live system writes to through an overlay may be memory, or out of sight.
bool lies_on_a_disk() {
  const auto medium = medium_of(parent);
  if (medium != Medium::overlay) return medium == Medium::disk;
  struct stat status {};
  if (::stat(parent, &status) != 0) return false;
  for (const auto& mount : read_mount_table()) {
    if (mount.device == status.st_dev) return medium_of(upper_directory(mount)) == Medium::disk;
  }
  return false;
}

std::string path_of_now() {
  const std::time_t now = std::time(nullptr);
  tm fields{};
  ::gmtime_r(&now, &fields);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%FT%TZ.log", &fields);
  return place + ("/" + std::string(text.data(), size));
}

[[noreturn]] void be_writer(int socket) {
  if (!lies_on_a_disk()) ::_exit(not_on_a_disk);
  if (::mkdir(place, 0755) != 0 && errno != EEXIST) ::_exit(1);
  const UniqueFd directory = sys::open(place, O_RDONLY | O_DIRECTORY);
  const UniqueFd file = sys::open(path_of_now(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
  log::take_lines(socket, [&](std::string_view text) {
    sys::write_all(file.get(), text);
    return text.size();
  });
  sys::check(::fsync(file.get()), "fsync");
  sys::check(::fsync(directory.get()), "fsync");
  ::_exit(0);
}

}  // namespace

Task<> DiskLog::start() {
  if (!permissions_.allows(Action::write_old_disk)) co_return;
  try {
    writer_.emplace(log_, children_, executor_, Log::Level::trace, log::Stream::Lines{},
                    sys::read_file_at(directory_.get(), layout::payload_log_name));
    auto starting = writer_->start("the log on the disk", {}, be_writer);
    co_await std::move(starting);
  } catch (const std::exception& error) {
    writer_.reset();
    log_.warning("no log on the disk", {{"reason", error.what()}});
  }
}

Task<> DiskLog::finish() {
  if (!writer_ || std::exchange(finished_, true)) co_return;
  auto closing = writer_->close(Writer::TimePoint::clock::now() + 1s);
  lines_missing_ = co_await std::move(closing);
}

Task<> DiskLog::let_go() {
  if (!writer_) co_return;
  auto finishing = finish();
  co_await std::move(finishing);
  auto waiting = writer_->wait_for_end(Writer::TimePoint::clock::now() + 5s);
  const bool has_ended = co_await std::move(waiting);
  const int status = writer_->status();
  writer_.reset();
  if (has_ended) {
    note_end_of_disk_log(log_, status, lines_missing_);
  } else {
    log_.warning("no log on the disk", {{"reason", "the disk does not answer"}});
  }
}

void note_end_of_disk_log(Log& log, int status, std::size_t lines_missing) {
  if (WIFSIGNALED(status)) {
    log.warning("the log on the disk is not complete",
                {{"directory", place}, {"reason", "its writer has been killed"}});
  } else if (WEXITSTATUS(status) == not_on_a_disk) {
    log.info("no log on the disk", {{"reason", "/var/log is in memory or read-only"}});
  } else if (WEXITSTATUS(status) != 0) {
    log.warning("no log on the disk", {{"reason", "it cannot be written"}});
  } else if (lines_missing != 0) {
    log.warning("the log on the disk is not complete",
                {{"directory", place}, {"lines_missing", lines_missing}});
  } else {
    log.info("the log is on the disk", {{"directory", place}});
  }
}

}  // namespace dboot
