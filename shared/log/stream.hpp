#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "shared/log/sinks.hpp"

namespace dboot::log {

/// What becomes of lines below info while whoever reads them is behind: a slow terminal must not
/// hold up whoever waits for it to have shown the rest.
enum class Behind : std::uint8_t { leave_out_details, keep_all };

/// The lines of a log, for a process that draws or stores them, through a socket. Nothing here
/// waits for that process. Lines below info are held back, some kilobytes of them at most, for it
/// costs less to send many at once; so is what the socket has no room for.
class Stream {
 public:
  struct Lines {
    std::string_view end = "\n";
    Behind behind = Behind::keep_all;
    std::size_t most = 1UL << 20U;  ///< that is held back, in bytes; then the oldest are left out
    int room = 0;                   ///< of the socket, in bytes; 0 as the kernel has it
  };

  /// `held` is called when something is held back, and is to call send() in a moment.
  Stream(Lines lines, std::function<void()> held);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// For Log::add_sink().
  sinks::Sink sink() const;

  /// Begins with what an earlier process has not taken, which has ended. Returns what the new one
  /// is to read, see take_lines(). Throws std::system_error.
  int open();
  void send();
  /// After what has been sent, the process gets the end. From here on all is held back.
  void close() noexcept;

  /// True when the process has taken everything.
  bool is_taken() const noexcept;
  /// How many lines have been left out or not been sent.
  std::size_t lines_missing() const noexcept;

 private:
  class Sender;
  std::shared_ptr<Sender> sender_;
};

/// In the process: what comes from such a socket goes to `write`, until the end. `write` returns
/// how many bytes it has written; the rest is left to the next call, or to the next process.
void take_lines(int socket, const std::function<std::size_t(std::string_view text)>& write);

}  // namespace dboot::log
