#pragma once

#include <poll.h>

#include <optional>
#include <string>
#include <string_view>

#include "shared/system/unique_fd.hpp"

/// Streams that are passed on, none of which may hold up another one: a descriptor that has nothing
/// to give, or does not take more, is left alone until poll(2) says otherwise.
namespace dboot {

/// What has been written and not yet taken.
class Outlet {
 public:
  /// For a descriptor that is not to be closed. Terminals and pipes are opened once more:
  /// O_NONBLOCK on `fd` itself would be everybody's who has it.
  explicit Outlet(int fd);
  /// For an end of a pipe, or the master of a pseudo terminal, that is this process's alone.
  explicit Outlet(UniqueFd own);

  /// A terminal in raw mode needs a carriage return before each newline.
  void return_carriages() noexcept { carriage_returns_ = true; }

  void put(std::string_view bytes);
  /// Closes it once all has been taken.
  void close_after_that() noexcept { closing_ = true; }
  /// As much as is taken now. When nobody takes it any more, everything is dropped. SIGPIPE is to
  /// be ignored.
  void flush();
  /// Why nobody takes it any more (errno); 0 while somebody does.
  int broken() const noexcept { return broken_; }
  bool is_clear() const noexcept { return pending_.empty(); }
  std::size_t pending() const noexcept { return pending_.size(); }
  /// For poll(2): writable, if there is something to write.
  pollfd wanted() const noexcept;

 private:
  ssize_t write_some(std::string_view bytes) const noexcept;

  UniqueFd fd_;
  bool socket_ = false;
  bool carriage_returns_ = false;
  bool closing_ = false;
  int broken_ = 0;
  std::string pending_;
};

/// Where bytes come from.
class Inlet {
 public:
  /// As for an Outlet; an empty descriptor has come to its end.
  explicit Inlet(int fd);
  explicit Inlet(UniqueFd own);

  /// What there is now, up to 64 KiB; empty when there is nothing, or its end has come.
  std::string take();
  bool has_ended() const noexcept { return !fd_; }
  /// For poll(2): readable, unless it has ended.
  pollfd wanted() const noexcept { return {fd_.get(), POLLIN, 0}; }

 private:
  UniqueFd fd_;
  bool socket_ = false;
};

}  // namespace dboot
