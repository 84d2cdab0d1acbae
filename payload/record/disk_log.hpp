#pragma once

#include <cstddef>
#include <optional>
#include <utility>

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
          boost::asio::any_io_executor executor)
      : log_(log),
        children_(children),
        permissions_(permissions),
        directory_(directory),
        executor_(std::move(executor)) {}

  /// Nothing in a namespace, and where /var/log is in memory or read-only: the log says which.
  Task<> start();
  /// The end of the copy: from here on it is written back to the disk. Nothing when there is none.
  /// Waits a second at most for what takes the lines.
  Task<> finish();
  /// Until that is done, and the file is closed. What takes longer than five seconds is given up.
  Task<> let_go();

 private:
  Log& log_;
  Children& children_;
  Permissions permissions_;
  const UniqueFd& directory_;
  boost::asio::any_io_executor executor_;
  std::optional<Writer> writer_;  ///< while there is a copy
  bool finished_ = false;
  std::size_t lines_missing_ = 0;
};

/// Logs what has become of the copy: how its writer has ended (wait(2)), and how many lines it has
/// not been given.
void note_end_of_disk_log(Log& log, int status, std::size_t lines_missing);

}  // namespace dboot
