#pragma once

#include <chrono>
#include <string_view>

namespace dboot {

/// A stage of the sequence in the log: its lines carry the name, and it leaves its start, its end
/// and its duration. One at a time.
class Phase {
 public:
  /// The literal must outlive the process's log.
  explicit Phase(std::string_view name);
  Phase(const Phase&) = delete;
  Phase& operator=(const Phase&) = delete;
  /// Logs the end; nothing when an exception passes: the failure has its own line.
  ~Phase();

 private:
  std::chrono::nanoseconds began_;
  int exceptions_;
};

}  // namespace dboot
