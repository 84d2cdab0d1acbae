#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shared/system/unique_fd.hpp"

namespace spdlog::sinks {
class sink;
}

/// Where log lines go. None of them throws or blocks for longer than the write itself.
namespace dboot::log::sinks {

using Sink = std::shared_ptr<spdlog::sinks::sink>;

/// Writes lines to a descriptor that somebody else owns (stderr).
Sink descriptor(int fd);

/// Appends lines to a file.
Sink file(UniqueFd fd);

/// Keeps lines in `text`, which must live as long as the sink.
Sink memory(std::string& text);

/// /dev/kmsg: one record per line, "<priority>dboot: line", facility daemon.
/// https://www.kernel.org/doc/Documentation/ABI/testing/dev-kmsg
Sink kmsg(UniqueFd fd);

/// A terminal: lines end in CR LF. The descriptor is made non-blocking; what the terminal does not
/// take at once is kept (64 KiB at most, then the oldest lines are dropped) and written with the
/// next line or at flush. `earlier`: lines that it shall show first.
Sink console(UniqueFd fd, std::string_view earlier = {});

/// Gives a console() sink its terminal anew, after a hangup took the old descriptor; what could not
/// be written meanwhile is written now.
void reopen_console(const Sink& console, UniqueFd fd);

}  // namespace dboot::log::sinks
