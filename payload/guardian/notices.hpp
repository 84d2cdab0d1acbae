#pragma once

#include <optional>
#include <string>

namespace dboot::guardian {

/// Where people who log in, or are logged in, are told how it stands. Nothing of it is waited for.
class Notices {
 public:
  /// `directory`: layout::directory, which must stay open.
  explicit Notices(int directory) noexcept : directory_(directory) {}

  /// In the messages of the day, wherever an ssh server reads them: before it goes into the new
  /// system, and there, in front of what the image has. Empty: no more.
  void show(const std::string& message);

  /// To every pseudo terminal that there is.
  static void shout(const std::string& message);

 private:
  bool show_in_new_system(const std::string& message);

  int directory_;
  std::string shown_;
  std::optional<std::string> of_image_;  ///< its /etc/motd; empty: not looked at yet
};

}  // namespace dboot::guardian
