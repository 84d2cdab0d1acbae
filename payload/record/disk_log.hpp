#pragma once

#include <cstddef>
#include <cstdint>

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/record/writer.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// A copy of the record on the old system's disk, /var/log/dboot/TIME.log, so that a machine that
/// comes back has it. A child writes it, for a disk may not answer: what it does not take, the
/// takeover does not wait for.
class DiskLog {
 public:
  /// `directory`: layout::directory, for the lines that there are already.
  DiskLog(Log& log, Children& children, Permissions permissions, const UniqueFd& directory,
          const boost::asio::any_io_executor& executor)
      : log_(log),
        permissions_(permissions),
        directory_(directory),
        writer_(log, children, executor, {}) {}

  /// Nothing in a namespace, and where /var/log is in memory or read-only: the log says which.
  Task<> start();
  /// The end of the copy: from here on it is written back to the disk. Nothing when there is none.
  void finish();
  /// Until that is done, and the file is closed. What takes longer than five seconds is given up.
  Task<> let_go();

 private:
  Log& log_;
  Permissions permissions_;
  const UniqueFd& directory_;
  Writer writer_;
  enum class State : std::uint8_t { none, written, finished } state_ = State::none;
  std::size_t unsent_ = 0;
};

}  // namespace dboot
