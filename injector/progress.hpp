#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace dboot {

/// A line on stderr that says how far a copy has come: bytes, rate and, when the total is known,
/// the share. Only where stderr is a terminal; rewritten in place at most ten times a second.
class Progress {
 public:
  /// `what` is being copied, `expected` bytes of it; 0 when nobody knows.
  Progress(std::string what, std::uint64_t expected);
  /// Clears the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void add(std::uint64_t bytes);
  /// Bytes so far.
  std::uint64_t bytes() const noexcept { return bytes_; }

  /// The text of the line.
  static std::string format(const std::string& what, std::uint64_t bytes, std::uint64_t expected,
                            std::chrono::nanoseconds elapsed);

 private:
  std::string what_;
  std::uint64_t expected_;
  std::uint64_t bytes_ = 0;
  bool shown_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace dboot
