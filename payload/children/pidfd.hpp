#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

namespace dboot {

/// A pidfd (pidfd_open(2)) whose end the loop of events can wait for.
class Pidfd {
 public:
  /// Empty when it is not to be had, with errno set: ESRCH when there is no such process.
  static std::unique_ptr<Pidfd> open(const boost::asio::any_io_executor& executor, pid_t pid);
  Pidfd(const Pidfd&) = delete;
  Pidfd& operator=(const Pidfd&) = delete;
  ~Pidfd();

  unsigned number() const noexcept;
  /// False when it cannot be sent; true when the process has ended.
  bool send(int signal) noexcept;
  bool has_ended() const noexcept;
  /// Calls one of them, once: `ended` at the end of the process, `unheard` when that cannot be
  /// waited for. None of them when this object goes before.
  void on_end(std::function<void()> ended, std::function<void()> unheard);

 private:
  struct Descriptor;  // its header costs half a second a file
  explicit Pidfd(std::shared_ptr<Descriptor> descriptor) noexcept;
  static void wait(const std::shared_ptr<Descriptor>& descriptor, std::function<void()> ended,
                   std::function<void()> unheard);

  std::shared_ptr<Descriptor> descriptor_;  ///< a handler that is queued looks whether it is there
};

}  // namespace dboot
