#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <istream>
#include <optional>
#include <string>
#include <string_view>

#include "shared/log/record.hpp"

/// The lines of a record (dboot-log(5)) among those of others: in dmesg(1), a journal, what a
/// serial line or netconsole has given.
namespace dboot::reader {

/// What stands in one line: behind a time, a host's name, a program's; with sequences for a
/// terminal in it; cut off at its end. Empty when it is no line of a record. Pure.
std::optional<log::Record> find_record(std::string_view line);

/// Without the escape sequences of ECMA-48 and the control characters but tab. Pure.
std::string without_controls(std::string_view line);

struct Counts {
  std::size_t lines = 0;     ///< of anybody
  std::size_t records = 0;   ///< that were told
  std::size_t repeated = 0;  ///< that came twice: a serial line shows the kernel's log as well
};

/// Tells each record of a stream, in its order, without those that one of the last 256 was like.
/// A line is looked at up to 64 KiB. Memory is bounded.
Counts read(std::istream& stream, const std::function<void(log::Record)>& tell);

}  // namespace dboot::reader
