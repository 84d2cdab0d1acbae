#include "payload/children/pidfd.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>

#include "shared/system/syscalls.hpp"

namespace dboot {

struct Pidfd::Descriptor : boost::asio::posix::stream_descriptor {
  using basic_stream_descriptor::basic_stream_descriptor;
};

Pidfd::Pidfd(std::shared_ptr<Descriptor> descriptor) noexcept
    : descriptor_(std::move(descriptor)) {}

Pidfd::~Pidfd() = default;

std::unique_ptr<Pidfd> Pidfd::open(const boost::asio::any_io_executor& executor, pid_t pid) {
  UniqueFd fd = sys::try_pidfd_open(pid);
  if (!fd) return nullptr;
  auto descriptor = std::make_shared<Descriptor>(executor);
  boost::system::error_code refused;
  descriptor->assign(fd.get(), refused);
  if (refused) {
    errno = refused.value();
    return nullptr;
  }
  fd.release();
  return std::unique_ptr<Pidfd>(new Pidfd(std::move(descriptor)));
}

unsigned Pidfd::number() const noexcept {
  return static_cast<unsigned>(descriptor_->native_handle());
}

bool Pidfd::send(int signal) noexcept {
  return ::syscall(SYS_pidfd_send_signal, descriptor_->native_handle(), signal, nullptr, 0) == 0 ||
         errno == ESRCH;
}

bool Pidfd::has_ended() const noexcept {
  return sys::is_readable(descriptor_->native_handle());
}

void Pidfd::on_end(std::function<void()> ended, std::function<void()> unheard) {
  wait(descriptor_, std::move(ended), std::move(unheard));
}

void Pidfd::wait(const std::shared_ptr<Descriptor>& descriptor, std::function<void()> ended,
                 std::function<void()> unheard) {
  descriptor->async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [lives = std::weak_ptr(descriptor), ended = std::move(ended),
                          unheard = std::move(unheard)](const boost::system::error_code& error) {
                           const auto there = lives.lock();
                           if (!there || error == boost::asio::error::operation_aborted) return;
                           if (error) return unheard();
                           // See Patience::wait().
                           if (!sys::is_readable(there->native_handle()))
                             return wait(there, ended, unheard);
                           ended();
                         });
}

}  // namespace dboot
