#include "payload/processes/process_handle.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "shared/proc/process_status.hpp"

namespace dboot {
namespace {

constexpr rlim_t for_the_sequence = 64;

}  // namespace

ProcessHandle::ProcessHandle(pid_t pid, std::uint64_t started) : pid_(pid), started_(started) {}
ProcessHandle::ProcessHandle(ProcessHandle&&) noexcept = default;
ProcessHandle& ProcessHandle::operator=(ProcessHandle&&) noexcept = default;
ProcessHandle::~ProcessHandle() = default;

void ProcessHandle::close() {
  pidfd_.reset();
}

std::optional<ProcessHandle> ProcessHandle::open(const boost::asio::any_io_executor& executor,
                                                 pid_t pid, unsigned descriptors) {
  auto pidfd = Pidfd::open(executor, pid);
  if (!pidfd && errno == ESRCH) return std::nullopt;
  const auto status = read_process_status(pid);
  if (!status) return std::nullopt;
  ProcessHandle handle(pid, status->started);
  if (pidfd && pidfd->number() < descriptors) handle.pidfd_ = std::move(pidfd);
  return handle;
}

void ProcessHandle::send(int signal) noexcept {
  if (pidfd_ && pidfd_->send(signal)) return;
  if (!has_ended()) ::kill(pid_, signal);
}

bool ProcessHandle::has_ended() {
  if (pidfd_) return pidfd_->has_ended();
  const auto status = read_process_status(pid_);
  if (!status || status->started != started_) return true;
  return (status->state == 'Z' || status->state == 'X') && status->threads <= 1;
}

void ProcessHandle::on_end(std::function<void()> ended, std::function<void()> unheard) {
  if (pidfd_) pidfd_->on_end(std::move(ended), std::move(unheard));
}

unsigned descriptors_for_pidfds() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t most = std::min<rlim_t>(limit.rlim_cur, std::numeric_limits<int>::max());
  return static_cast<unsigned>(most > for_the_sequence ? most - for_the_sequence : 0);
}

}  // namespace dboot
