#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "injector/failure.hpp"
#include "shared/log/log.hpp"
#include "shared/system/unique_fd.hpp"

/// What the injector says: to the person who runs it, on standard error, and in the record of the
/// takeover, which the payload goes on with (dboot-log(5)). Only the first thread of a program
/// reports.
namespace dboot::report {

/// Lines from `level` on are shown; the record gets those from debug on, of trace where that is
/// shown, and its clock starts. Before, there are no lines.
void begin(log::Level level);
/// When that was (CLOCK_MONOTONIC).
std::chrono::nanoseconds began();
/// What the record calls the lines that follow: after "preflight", "image" and "inject".
void begin_phase(std::string_view phase);
/// Whether it is one of these three.
bool is_phase(std::string_view phase);

/// The record goes on in that file, open for reading and appending, and what there is of it is
/// written there. Throws std::system_error.
void keep_record_in(UniqueFd file);
/// A copy of all of it goes to that file, as far as it has come at each update_copy(). The first
/// write that fails is reported, and the last.
void copy_record_to(UniqueFd file);
/// Throws std::system_error when the record cannot be read.
void update_copy();

void write(log::Level level, std::string_view message, log::Facts facts = {});
inline void debug(std::string_view message, log::Facts facts = {}) {
  write(log::Level::debug, message, facts);
}
inline void info(std::string_view message, log::Facts facts = {}) {
  write(log::Level::info, message, facts);
}
inline void warning(std::string_view message, log::Facts facts = {}) {
  write(log::Level::warning, message, facts);
}
inline void error(std::string_view message, log::Facts facts = {}) {
  write(log::Level::error, message, facts);
}
/// The error, and how to mend it.
void failure(const Failure& failure);
/// In the record alone: for what nobody must wait for a terminal with.
void note(std::string_view message, std::vector<log::Fact> facts);

}  // namespace dboot::report
