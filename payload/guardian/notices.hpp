#pragma once

#include <string>

namespace dboot::guardian {

/// Where people who log in, or are logged in, are told how it stands. Nothing of it is waited for.
class Notices {
 public:
  /// `directory`: layout::directory, which must stay open.
  explicit Notices(int directory) noexcept : directory_(directory) {}

  /// The message of the day: of the ssh server that came along, and in /run/motd.d, where pam_motd
  /// looks for it. Empty: none.
  void show(const std::string& message);

  /// To every pseudo terminal that there is.
  static void shout(const std::string& message);

 private:
  int directory_;
  std::string shown_;
};

}  // namespace dboot::guardian
