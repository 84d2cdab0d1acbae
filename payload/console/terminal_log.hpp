#pragma once

#include <string>
#include <string_view>

#include "payload/children/children.hpp"
#include "payload/devices/device_nodes.hpp"
#include "payload/record/writer.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Shows the log on a terminal. A child writes the lines: drawing them takes time, and a driver may
/// hold up whoever writes to it for much longer. One that is too slow for all of them gets those
/// from info on.
class TerminalLog {
 public:
  /// `name`: of the terminal, below /dev. `level`: of the lines that are shown; first come those of
  /// `earlier`.
  TerminalLog(Log& log, Children& children, const DeviceNodes& devices,
              const boost::asio::any_io_executor& executor, std::string name, Log::Level level,
              std::string_view earlier);

  /// Shows what it has not shown yet. When the terminal hangs up, as it does on everybody when the
  /// session that has it ends, the child opens it again. Throws std::system_error.
  Task<> start();
  bool is_running() const noexcept { return writer_.is_running(); }

  /// Until it has shown all, at most until `end`.
  Task<> settle(Writer::TimePoint end) { return writer_.settle(end); }
  /// After that it shows nothing until start(): the terminal belongs to others.
  Task<> stop(Writer::TimePoint end);

 private:
  const DeviceNodes& devices_;
  std::string name_;
  Writer writer_;
};

}  // namespace dboot
