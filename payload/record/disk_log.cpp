#include "payload/record/disk_log.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
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

#include "payload/children/fork.hpp"
#include "shared/plan/layout.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;

constexpr const char* parent = "/var/log";
constexpr const char* place = "/var/log/dboot";
/// What the writer ends with when there is no disk to write to.
constexpr int not_on_a_disk = 2;

bool lies_on_a_disk() {
  struct statfs status {};
  if (::statfs(parent, &status) != 0) return false;
  return status.f_type != TMPFS_MAGIC && status.f_type != RAMFS_MAGIC &&
         (static_cast<unsigned long>(status.f_flags) & ST_RDONLY) == 0;
}

std::string path_of_now() {
  const std::time_t now = std::time(nullptr);
  tm fields{};
  ::gmtime_r(&now, &fields);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%FT%TZ.log", &fields);
  return place + ("/" + std::string(text.data(), size));
}

/// Its parent's end closes the pipe.
void copy(int pipe, int file) {
  std::array<char, 65536> bytes;
  for (;;) {
    const ssize_t count = ::read(pipe, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    sys::write_all(file, {bytes.data(), static_cast<std::size_t>(count)});
  }
}

[[noreturn]] void be_writer(int pipe) {
  if (!lies_on_a_disk()) ::_exit(not_on_a_disk);
  if (::mkdir(place, 0755) != 0 && errno != EEXIST) ::_exit(1);
  const UniqueFd directory = sys::open(place, O_RDONLY | O_DIRECTORY);
  const UniqueFd file = sys::open(path_of_now(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
  copy(pipe, file.get());
  sys::check(::fsync(file.get()), "fsync");
  sys::check(::fsync(directory.get()), "fsync");
  ::_exit(0);
}

}  // namespace

pid_t DiskLog::start_writer(int pipe) {
  const pid_t pid = fork_child("the log on the disk", {pipe}, [pipe] { be_writer(pipe); });
  children_.add(pid, Children::Kind::helper, [this](int status) {
    writer_ = 0;
    status_ = status;
    ended_.notify();
  });
  return pid;
}

Task<> DiskLog::start() {
  if (!permissions_.allows(Action::write_old_disk)) co_return;
  try {
    std::array<int, 2> ends{};
    sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
    const UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    constexpr int room = 1 << 20;
    ::fcntl(write_end.get(), F_SETPIPE_SZ, room);
    auto starting = fork_patiently([&] { return start_writer(read_end.get()); });
    writer_ = co_await std::move(starting);
    sink_ = log::sinks::pipe(std::move(write_end));
    log_.add_sink(sink_, Log::Level::trace,
                  sys::read_file_at(directory_.get(), layout::payload_log_name));
  } catch (const std::exception& error) {
    log_.warning("no log on the disk", {{"reason", error.what()}});
  }
}

void DiskLog::finish() {
  if (!sink_) return;
  // Closes the pipe.
  log_.remove_sink(sink_);
  sink_.reset();
  finished_ = true;
}

Task<> DiskLog::let_go() {
  finish();
  if (!std::exchange(finished_, false)) co_return;
  constexpr auto most = 5s;
  const auto end = std::chrono::steady_clock::now() + most;
  for (bool in_time = true; in_time && writer_ != 0;) in_time = co_await ended_.wait_until(end);
  if (writer_ != 0) {
    log_.warning("no log on the disk", {{"reason", "the disk does not answer"}, {"pid", writer_}});
    ::kill(writer_, SIGKILL);
    children_.forget(writer_);
  } else if (status_ == 0) {
    log_.info("the log is on the disk", {{"directory", place}});
  } else {
    const bool in_memory = WIFEXITED(status_) && WEXITSTATUS(status_) == not_on_a_disk;
    log_.info("no log on the disk", {{"reason", in_memory ? "/var/log is in memory or read-only"
                                                          : "it cannot be written"}});
  }
}

}  // namespace dboot
