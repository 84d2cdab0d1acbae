#include "payload/processes/process_handle.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <limits>

#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

constexpr rlim_t for_the_sequence = 64;

bool is_readable(int fd) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, 0) > 0;
}

}  // namespace

struct ProcessHandle::Pidfd : boost::asio::posix::stream_descriptor {
  using basic_stream_descriptor::basic_stream_descriptor;
};

ProcessHandle::ProcessHandle(pid_t pid, std::uint64_t started) : pid_(pid), started_(started) {}
ProcessHandle::ProcessHandle(ProcessHandle&&) noexcept = default;
ProcessHandle& ProcessHandle::operator=(ProcessHandle&&) noexcept = default;
ProcessHandle::~ProcessHandle() = default;

void ProcessHandle::close() {
  pidfd_.reset();
}

std::optional<ProcessHandle> ProcessHandle::open(const boost::asio::any_io_executor& executor,
                                                 pid_t pid, unsigned descriptors) {
  UniqueFd pidfd = sys::try_pidfd_open(pid);
  if (!pidfd && errno == ESRCH) return std::nullopt;
  const auto status = read_process_status(pid);
  if (!status) return std::nullopt;
  ProcessHandle handle(pid, status->started);
  if (!pidfd || static_cast<unsigned>(pidfd.get()) >= descriptors) return handle;
  auto watched = std::make_unique<Pidfd>(executor);
  boost::system::error_code refused;
  watched->assign(pidfd.get(), refused);
  if (refused) return handle;
  pidfd.release();
  handle.pidfd_ = std::move(watched);
  return handle;
}

void ProcessHandle::send(int signal) noexcept {
  if (pidfd_ &&
      (::syscall(SYS_pidfd_send_signal, pidfd_->native_handle(), signal, nullptr, 0) == 0 ||
       errno == ESRCH))
    return;
  if (!has_ended()) ::kill(pid_, signal);
}

bool ProcessHandle::has_ended() {
  if (pidfd_) return is_readable(pidfd_->native_handle());
  const auto status = read_process_status(pid_);
  if (!status || status->started != started_) return true;
  return (status->state == 'Z' || status->state == 'X') && status->threads <= 1;
}

void ProcessHandle::on_end(std::function<void()> ended, std::function<void()> unheard) {
  if (!pidfd_) return;
  pidfd_->async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [ended = std::move(ended),
                      unheard = std::move(unheard)](const boost::system::error_code& error) {
                       if (!error) {
                         ended();
                       } else if (error != boost::asio::error::operation_aborted) {
                         unheard();
                       }
                     });
}

unsigned descriptors_for_pidfds() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t most = std::min<rlim_t>(limit.rlim_cur, std::numeric_limits<int>::max());
  return static_cast<unsigned>(most > for_the_sequence ? most - for_the_sequence : 0);
}

}  // namespace dboot
