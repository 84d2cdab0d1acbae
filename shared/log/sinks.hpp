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

/// A connected UDP socket: a datagram a line. None is waited for, sent again or known to arrive.
Sink datagrams(UniqueFd socket);

}  // namespace dboot::log::sinks
