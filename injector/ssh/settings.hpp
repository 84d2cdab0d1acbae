#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dboot::ssh {

/// What a server says of itself (sshd(8), -T): a setting a line, its keyword in lower case. One
/// that may be given several times has a line each.
class Settings {
 public:
  explicit Settings(std::string_view text);

  /// Empty where there is none.
  std::vector<std::string> all(std::string_view keyword) const;
  /// The first; empty where there is none, and for "none".
  std::string one(std::string_view keyword) const;
  void replace(const std::string& keyword, std::vector<std::string> values);
  bool is(std::string_view keyword, std::string_view value) const { return one(keyword) == value; }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

/// Whether that user, with these groups, is let in at all (sshd_config(5): AllowUsers, DenyUsers,
/// AllowGroups, DenyGroups, PermitRootLogin), and not for one command alone (ForceCommand). What
/// follows an @ in a pattern for users is not looked at.
bool lets_in(const Settings& settings, const std::string& user, bool is_root,
             const std::vector<std::string>& groups);

/// Whether somebody gets in by a certificate for their name. Where certificates are for other
/// names, which a list or a command knows, that does not come along.
bool takes_certificates(const Settings& settings);

/// Lines of sshd_config(5): of what the server says, that which says how a connection is made, who
/// gets in, and what they may do.
std::string rules_of(const Settings& settings);

/// AuthenticationMethods without those that take PAM, which a carried server does without. Empty
/// where any will do. Throws Failure when none is left.
std::string methods_without_pam(const Settings& settings);

}  // namespace dboot::ssh
