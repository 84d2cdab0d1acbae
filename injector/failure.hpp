#pragma once

#include <stdexcept>
#include <string>

namespace dboot {

/// Exit statuses, as docker's (dboot-inject(8), "EXIT STATUS").
namespace exit_status {
inline constexpr int failed = 125;      ///< dboot-inject itself; the host is as it was
inline constexpr int cannot_run = 126;  ///< COMMAND is there and cannot be executed
inline constexpr int not_found = 127;   ///< COMMAND is not in the image
inline constexpr int signalled = 128;  ///< and the number of the signal that ended it, as a shell's
}  // namespace exit_status

/// Why there is no takeover, for the person who asked for one: what was attempted and the cause in
/// what(), and what to do about it.
class Failure : public std::runtime_error {
 public:
  Failure(const std::string& what, std::string mend, int status = exit_status::failed);

  /// A sentence in the imperative, without a full stop; empty when there is nothing to do.
  const std::string& mend() const noexcept { return mend_; }
  int status() const noexcept { return status_; }

 private:
  std::string mend_;
  int status_;
};

}  // namespace dboot
