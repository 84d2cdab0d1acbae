#pragma once

#include <optional>
#include <string>

#include "shared/log/log.hpp"

namespace dboot {

/// A file of /proc/sys or /sys/module that has another value for as long as the takeover takes.
class KernelSetting {
 public:
  /// `path`, and what the log calls it: literals.
  KernelSetting(Log& log, const char* path, const char* name)
      : log_(log), path_(path), name_(name) {}

  /// Nothing where it has that value already, or is not there.
  void set(const std::string& value);
  /// What it was before; may be called more than once.
  void restore();

 private:
  bool write(const std::string& value);

  Log& log_;
  const char* path_;
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace dboot
