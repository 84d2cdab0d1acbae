#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace dboot {

/// A line on stderr that says how far a copy has come: its step, bytes, rate and, when the total is
/// known, the share and the time that is left. Only where stderr is a terminal, and no longer than
/// that is wide; rewritten in place at most ten times a second. Any thread may add to it.
class Progress {
 public:
  enum class Shown : bool { never, on_terminals };

  /// `expected` bytes are being copied; 0 when nobody knows.
  explicit Progress(std::uint64_t expected, Shown shown = Shown::on_terminals);
  /// Clears the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// What is done from now on: "filling the new root". For the thread that has made it.
  void begin_step(const char* name) noexcept { step_ = name; }
  void add(std::uint64_t bytes);
  /// Bytes so far.
  std::uint64_t bytes() const noexcept { return bytes_; }

  struct State {
    std::string step;
    std::uint64_t bytes = 0;
    std::uint64_t expected = 0;
    std::chrono::nanoseconds elapsed{0};
  };
  /// The text of the line. What has no place in `columns` letters is left out, the least important
  /// first.
  static std::string format(const State& state, unsigned columns);

 private:
  std::uint64_t expected_;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<const char*> step_ = "";
  bool shown_;
  std::mutex mutex_;  ///< of what follows
  bool drawn_ = false;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace dboot
