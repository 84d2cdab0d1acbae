#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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

/// What becomes of lines below info while whoever reads them is behind: a slow terminal must not
/// hold up whoever waits for it to have shown the rest.
enum class Behind : std::uint8_t { leave_out_details, keep_all };

/// A stream socket to a process that draws or stores lines. Its write never blocks. Lines below
/// info are held back, some kilobytes of them at most, for it costs less to send many at once; so
/// is what the socket has no room for, 1 MiB at most. `held` is called then, and is to call
/// send_held() in a moment. flush sends everything, and waits a second
/// at most until the process has taken it.
Sink stream(UniqueFd socket, std::string_view line_end, Behind behind, std::function<void()> held);

/// Of a stream() sink.
void send_held(const Sink& stream);
/// It goes on with another process, after the old one has ended.
void reopen_stream(const Sink& stream, UniqueFd socket);
/// How many lines it has not sent, with those left out of them.
std::size_t lines_held(const Sink& stream);

/// A connected UDP socket: a datagram a line. None is waited for, sent again or known to arrive.
Sink datagrams(UniqueFd socket);

}  // namespace dboot::log::sinks
