#pragma once

#include <optional>

namespace dboot {

/// kernel.panic for the length of a takeover: a machine whose new PID 1 dies shall come back with
/// the system on its disk instead of standing still
/// (https://docs.kernel.org/admin-guide/sysctl/kernel.html#panic).
class KernelPanic {
 public:
  /// The value that hand-over has to put back; empty when it stays as it is.
  std::optional<int> previous() const noexcept { return previous_; }

  /// Reads the value; it is going to be changed when it is 0 ("stand still").
  KernelPanic() noexcept;
  ~KernelPanic() { restore(); }
  KernelPanic(const KernelPanic&) = delete;
  KernelPanic& operator=(const KernelPanic&) = delete;

  /// Sets it to a reboot after ten seconds. A read-only /proc/sys is no failure.
  void set() const noexcept;
  void restore() const noexcept;
  /// From here on it is the payload's to restore.
  void commit() noexcept { previous_.reset(); }

 private:
  std::optional<int> previous_;
};

}  // namespace dboot
