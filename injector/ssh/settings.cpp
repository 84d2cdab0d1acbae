#include "injector/ssh/settings.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <utility>

#include "injector/failure.hpp"
#include "shared/proc/fields.hpp"

namespace dboot::ssh {
namespace {

/// As sshd -T names them.
constexpr std::array rules{"port",
                           "addressfamily",
                           "listenaddress",
                           "hostkeyalgorithms",
                           "ciphers",
                           "macs",
                           "kexalgorithms",
                           "pubkeyacceptedalgorithms",
                           "rekeylimit",
                           "compression",
                           "ipqos",
                           "pubkeyacceptedkeytypes",
                           "maxsessions",
                           "maxstartups",
                           "logingracetime",
                           "casignaturealgorithms",
                           "tcpkeepalive",
                           "loglevel",
                           "syslogfacility",
                           "clientaliveinterval",
                           "maxauthtries",
                           "fingerprinthash",
                           "clientalivecountmax",
                           "requiredrsasize",
                           "allowusers",
                           "denyusers",
                           "pubkeyauthoptions",
                           "allowtcpforwarding",
                           "gatewayports",
                           "permitopen",
                           "permitlisten",
                           "allowstreamlocalforwarding",
                           "permittty",
                           "allowagentforwarding",
                           "disableforwarding"};

bool matches(const std::string& name, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  });
}

std::vector<std::string> without_hosts(std::vector<std::string> patterns) {
  for (auto& pattern : patterns) pattern.resize(std::min(pattern.find('@'), pattern.size()));
  return patterns;
}

/// Each line of these has one pattern, or several.
std::vector<std::string> patterns_of(const Settings& settings, std::string_view keyword) {
  std::vector<std::string> patterns;
  for (const auto& value : settings.all(keyword)) {
    for (const auto word : words_of(std::string_view(value))) patterns.emplace_back(word);
  }
  return patterns;
}

}  // namespace

Settings::Settings(std::string_view text) {
  for (const auto line : lines_of(text)) {
    const auto blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    values_[std::string(line.substr(0, blank))].emplace_back(line.substr(blank + 1));
  }
}

std::vector<std::string> Settings::all(std::string_view keyword) const {
  const auto found = values_.find(keyword);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

void Settings::replace(const std::string& keyword, std::vector<std::string> values) {
  values_[keyword] = std::move(values);
}

std::string Settings::one(std::string_view keyword) const {
  const auto found = values_.find(keyword);
  return found == values_.end() || found->second.empty() || found->second.front() == "none"
             ? ""
             : found->second.front();
}

bool lets_in(const Settings& settings, const std::string& user, bool is_root,
             const std::vector<std::string>& groups) {
  if (!settings.one("forcecommand").empty()) return false;
  const bool is_refused = settings.is("permitrootlogin", "no") ||
                          settings.is("permitrootlogin", "forced-commands-only");
  if (is_root && is_refused) return false;
  const auto is_in = [&](std::string_view keyword) {
    const auto patterns = patterns_of(settings, keyword);
    return std::any_of(groups.begin(), groups.end(),
                       [&](const std::string& group) { return matches(group, patterns); });
  };
  const auto is_user_in = [&](std::string_view keyword) {
    return matches(user, without_hosts(patterns_of(settings, keyword)));
  };
  if (is_user_in("denyusers") || is_in("denygroups")) return false;
  if (!settings.all("allowusers").empty() && !is_user_in("allowusers")) return false;
  return settings.all("allowgroups").empty() || is_in("allowgroups");
}

bool takes_certificates(const Settings& settings) {
  return !settings.one("trustedusercakeys").empty() &&
         settings.one("authorizedprincipalsfile").empty() &&
         settings.one("authorizedprincipalscommand").empty();
}

std::string rules_of(const Settings& settings) {
  std::string text;
  for (const std::string keyword : rules) {
    for (const auto& value : settings.all(keyword)) (((text += keyword) += ' ') += value) += '\n';
  }
  return text;
}

std::string methods_without_pam(const Settings& settings) {
  const auto wanted = settings.one("authenticationmethods");
  if (wanted.empty() || wanted == "any") return "";
  std::vector<std::string> left;
  for (const auto list : words_of(std::string_view(wanted))) {
    if (list.find("keyboard-interactive") == std::string_view::npos &&
        list.find("gssapi") == std::string_view::npos &&
        list.find("hostbased") == std::string_view::npos)
      left.emplace_back(list);
  }
  if (left.empty())
    throw Failure("this host's ssh server asks for " + wanted +
                      " (AuthenticationMethods), and the one that comes along has no PAM to ask by",
                  "take over with --no-ssh, and a console at hand");
  return joined(left, " ");
}

}  // namespace dboot::ssh
