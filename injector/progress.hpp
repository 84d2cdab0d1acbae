#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace dboot {

/// A line on stderr that says how far a copy has come: bytes, rate and, when the total is known,
/// the share. Only where stderr is a terminal; rewritten in place at most ten times a second. Any
/// thread may add to it.
class Progress {
 public:
  /// `expected` bytes are being copied; 0 when nobody knows.
  explicit Progress(std::uint64_t expected);
  /// Clears the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void add(std::uint64_t bytes);
  /// Bytes so far.
  std::uint64_t bytes() const noexcept { return bytes_; }

  /// The text of the line.
  static std::string format(std::uint64_t bytes, std::uint64_t expected,
                            std::chrono::nanoseconds elapsed);

 private:
  std::uint64_t expected_;
  std::atomic<std::uint64_t> bytes_ = 0;
  bool shown_;
  std::mutex mutex_;  ///< of what follows
  bool drawn_ = false;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace dboot
