#include "payload/record/disk_log.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/socket.h>
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

void copy(int socket, int file) {
  std::array<char, 65536> bytes;
  for (;;) {
    const ssize_t count = ::recv(socket, bytes.data(), bytes.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    sys::write_all(file, {bytes.data(), static_cast<std::size_t>(count)});
  }
}

[[noreturn]] void be_writer(int socket) {
  if (!lies_on_a_disk()) ::_exit(not_on_a_disk);
  if (::mkdir(place, 0755) != 0 && errno != EEXIST) ::_exit(1);
  const UniqueFd directory = sys::open(place, O_RDONLY | O_DIRECTORY);
  const UniqueFd file = sys::open(path_of_now(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
  copy(socket, file.get());
  sys::check(::fsync(file.get()), "fsync");
  sys::check(::fsync(directory.get()), "fsync");
  ::_exit(0);
}

}  // namespace

Task<> DiskLog::start() {
  if (!permissions_.allows(Action::write_old_disk)) co_return;
  try {
    auto starting = writer_.start("the log on the disk", {}, be_writer,
                                  sys::read_file_at(directory_.get(), layout::payload_log_name));
    co_await std::move(starting);
    state_ = State::written;
  } catch (const std::exception& error) {
    log_.warning("no log on the disk", {{"reason", error.what()}});
  }
}

void DiskLog::finish() {
  if (state_ != State::written) return;
  unsent_ = writer_.finish();
  state_ = State::finished;
}

Task<> DiskLog::let_go() {
  finish();
  if (std::exchange(state_, State::none) != State::finished) co_return;
  auto ending = writer_.wait_for_end(5s);
  if (!co_await std::move(ending)) {
    log_.warning("no log on the disk", {{"reason", "the disk does not answer"}});
    co_return;
  }
  const int status = writer_.status();
  if (status == 0 && unsent_ == 0) {
    log_.info("the log is on the disk", {{"directory", place}});
  } else if (status == 0) {
    log_.warning("the log on the disk is not complete",
                 {{"directory", place}, {"lines_missing", unsent_}});
  } else {
    const bool in_memory = WIFEXITED(status) && WEXITSTATUS(status) == not_on_a_disk;
    log_.info("no log on the disk", {{"reason", in_memory ? "/var/log is in memory or read-only"
                                                          : "it cannot be written"}});
  }
}

}  // namespace dboot
