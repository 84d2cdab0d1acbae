#include "injector/ssh/logins.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <optional>

#include "injector/command/executable.hpp"
#include "injector/command/user.hpp"
#include "injector/failure.hpp"
#include "injector/host_program.hpp"
#include "injector/report.hpp"
#include "injector/ssh/key_lines.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::ssh {
namespace {

constexpr std::chrono::seconds patience{10};

/// Of a line of passwd(5) or shadow(5).
std::string field(std::string_view line, std::size_t number) {
  for (; number > 0; --number) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return "";
    line.remove_prefix(colon + 1);
  }
  return std::string(line.substr(0, line.find(':')));
}

std::vector<std::string> groups_of(const std::string& user) {
  const auto id = host_program::find("id");
  if (id.empty()) return {};
  const auto answer = host_program::run({id, "-Gnz", user}, patience);
  std::vector<std::string> groups;
  for (const auto group : split(answer.output, '\0')) groups.emplace_back(group);
  return groups;
}

struct HostUser {
  std::string name;
  std::string home;
  unsigned uid = 0;
};

/// What the command says that the server asks for keys. It may ask for the key that somebody comes
/// with, which nobody does yet: such a command is not asked.
std::string keys_by_command(const Settings& settings, const HostUser& user) {
  const auto command = settings.one("authorizedkeyscommand");
  if (command.empty()) return "";
  std::vector<std::string> arguments;
  for (const auto word : words_of(std::string_view(command))) {
    for (const std::string_view key : {"%f", "%k", "%t"}) {
      if (word.find(key) == std::string_view::npos) continue;
      report::warning("keys that are asked for one by one do not come along",
                      {{"user", user.name}, {"command", command}});
      return "";
    }
    arguments.push_back(with_tokens(word, user.name, user.home, user.uid));
  }
  // sshd(8) gives it the name where it has no arguments.
  if (arguments.size() == 1) arguments.push_back(user.name);
  const auto as = passwd_line_of(settings.one("authorizedkeyscommanduser"));
  const auto uid = number_in<std::uint32_t>(field(as, 2));
  const auto gid = number_in<std::uint32_t>(field(as, 3));
  if (!uid || !gid) return "";
  const auto answer = host_program::run(arguments, patience, Credentials{*uid, *gid, {*gid}});
  if (answer.status == 0) return answer.output;
  report::warning("the command for keys has failed",
                  {{"user", user.name},
                   {"command", command},
                   {"reason", host_program::last_line(answer.errors)}});
  return "";
}

/// Nobody but root and the user may write it, nor a directory that leads to it: from the home
/// directory on, or from /.
bool is_safe(const std::string& path, const HostUser& user) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto home = fs::canonical(user.home, error);
  for (auto here = fs::canonical(path, error); !here.empty(); here = here.parent_path()) {
    struct stat status {};
    constexpr mode_t by_others = S_IWGRP | S_IWOTH;
    if (::stat(here.c_str(), &status) != 0 || (status.st_mode & by_others) != 0 ||
        (status.st_uid != 0 && status.st_uid != user.uid))
      return false;
    if (here == home || here == here.root_path()) return true;
  }
  return false;
}

/// As sshd reads it (StrictModes, sshd_config(5)).
std::string keys_in(const std::string& path, const HostUser& user, bool strictly) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return "";
  if (strictly && !is_safe(path, user)) {
    report::warning("keys that others may write are left out, as sshd leaves them out",
                    {{"user", user.name}, {"file", path}});
    return "";
  }
  return sys::read_file_or_empty(path) + '\n';
}

std::vector<std::string> keys_of(const Settings& settings, const HostUser& user) {
  if (!settings.is("pubkeyauthentication", "yes")) return {};
  std::string text;
  for (const auto& value : settings.all("authorizedkeysfile")) {
    for (const auto pattern : words_of(std::string_view(value))) {
      if (pattern != "none")
        text += keys_in(key_file_for(pattern, user.name, user.home, user.uid), user,
                        !settings.is("strictmodes", "no"));
    }
  }
  return usable_key_lines(text + keys_by_command(settings, user));
}

/// All that it says for them.
std::string all_rules_of(const Settings& settings) {
  return rules_of(settings) + settings.one("authenticationmethods") + '\n' +
         settings.one("pubkeyauthentication");
}

/// Empty when the host does not let that user in.
std::optional<Login> find_login(const Server& server, const network::SshConnection& connection,
                                const std::string& name) {
  const auto line = passwd_line_of(name);
  const auto uid = number_in<unsigned>(field(line, 2));
  if (!uid) return std::nullopt;
  const HostUser user{name, field(line, 5), *uid};
  const auto settings = ask(server, name, connection);
  const auto groups = groups_of(name);
  if (!lets_in(settings, name, user.uid == 0, groups)) return std::nullopt;
  Login login{name, keys_of(settings, user), "", all_rules_of(settings)};
  // Where the server makes a difference between addresses.
  auto elsewhere = connection;
  elsewhere.client = "192.0.2.1";  // nobody's (RFC 5737)
  const auto to_others = ask(server, name, elsewhere);
  if (!lets_in(to_others, name, user.uid == 0, groups) || all_rules_of(to_others) != login.rules)
    login.from = connection.client.empty() ? "127.0.0.1" : connection.client;
  const auto is_yes = [&](std::string_view keyword) {
    return settings.is(keyword, "yes") && to_others.is(keyword, "yes");
  };
  if (is_yes("passwordauthentication") && (user.uid != 0 || is_yes("permitrootlogin")))
    login.password = password_in(sys::read_file_or_empty("/etc/shadow"), name);
  const bool has_key = std::any_of(login.keys.begin(), login.keys.end(), lets_a_person_in);
  if (!has_key && login.password.empty() && !takes_certificates(settings)) return std::nullopt;
  return login;
}

bool can_be_executed(int root, const std::string& path, const Account& account) {
  try {
    rootfs::check_executable(root, path, "/");
    rootfs::check_permission(root, path, account.login.name,
                             {account.uid, account.gid, account.groups});
    return true;
  } catch (const Failure&) {
    return false;
  }
}

/// /usr/sbin/nologin and the like are executed, and say no.
bool is_shell(const std::string& path) {
  return path.starts_with('/') && !path.ends_with("/nologin") && !path.ends_with("/false") &&
         !path.ends_with("/true");
}

std::string shell_in(int root, const Account& account, bool has_busybox) {
  for (const auto& shell : {account.shell, std::string("/bin/bash"), std::string("/bin/sh")}) {
    if (is_shell(shell) && can_be_executed(root, shell, account)) return shell;
  }
  if (has_busybox && account.uid == 0) return layout::shell;
  throw Failure("the image has no shell that " + account.login.name + " could log in with",
                "add one to the image, or name a static busybox with --busybox FILE");
}

}  // namespace

std::string passwd_line_of(const std::string& user) {
  const auto passwd = sys::read_file_or_empty("/etc/passwd");
  for (const std::size_t name_or_number : {0U, 2U}) {
    for (const auto line : lines_of(std::string_view(passwd)))
      if (field(line, name_or_number) == user) return std::string(line);
  }
  const auto getent = host_program::find("getent");
  if (getent.empty() || user.empty()) return "";
  const auto answer = host_program::run({getent, "passwd", user}, patience);
  return answer.status == 0 ? host_program::last_line(answer.output) : "";
}

bool lets_a_person_in(std::string_view key_line) {
  return key_line.find("command=\"") == std::string_view::npos;
}

std::string name_of_caller() {
  for (const char* variable : {"SUDO_USER", "DOAS_USER"}) {
    if (const char* const name = std::getenv(variable)) return name;
  }
  // The highest number is nobody's: no login.
  const auto uid = sys::read_file_or_empty("/proc/self/loginuid");
  const auto number = number_in<std::uint32_t>(uid);
  const bool is_one = number && *number != std::numeric_limits<std::uint32_t>::max();
  const auto name = is_one ? field(passwd_line_of(uid), 0) : "";
  return name.empty() ? "root" : name;
}

std::string password_in(std::string_view shadow, const std::string& user) {
  for (const auto line : lines_of(shadow)) {
    if (field(line, 0) != user) continue;
    auto hash = field(line, 1);
    // Locked, or none at all: with which nobody is let in over the network.
    return hash.starts_with('!') || hash.starts_with('*') ? "" : hash;
  }
  return "";
}

std::vector<Login> find_logins(const Server& server, const network::SshConnection& connection,
                               const std::vector<std::string>& more_keys) {
  std::vector<Login> logins;
  const auto caller = name_of_caller();
  if (auto login = find_login(server, connection, caller)) logins.push_back(std::move(*login));
  if (logins.empty() && !more_keys.empty()) {
    Login added{caller, {}, "", all_rules_of(ask(server, caller, connection))};
    added.is_added = true;
    logins.push_back(std::move(added));
  }
  if (caller != "root") {
    auto root = find_login(server, connection, "root");
    const bool has_own_rules = root && !logins.empty() && root->rules != logins.front().rules;
    if (has_own_rules)
      report::warning(
          "stays out, for the ssh server has other rules for them than for who has "
          "called",
          {{"user", "root"}});
    if (root && !has_own_rules) logins.push_back(std::move(*root));
  }
  for (auto& login : logins) {
    for (const auto& key : more_keys) {
      if (std::find(login.keys.begin(), login.keys.end(), key) == login.keys.end())
        login.keys.push_back(key);
    }
  }
  return logins;
}

Account account_in(int root, const Login& login, bool has_busybox) {
  rootfs::User user;
  try {
    user = rootfs::find_user(root, login.name);
  } catch (const Failure&) {
    user = rootfs::find_user(root, "0");
    if (user.home == "/") user.home = "/root";
    if (login.name != "root")
      report::info("logs in with root's rights, for the image has no such user",
                   {{"user", login.name}});
  }
  Account account{
      login,     user.credentials.uid, user.credentials.gid, user.credentials.groups, user.home,
      user.shell};
  account.shell = shell_in(root, account, has_busybox);
  return account;
}

Databases databases_for(const std::vector<Account>& accounts, const std::string& more) {
  Databases databases;
  bool has_root = false;
  for (const auto& account : accounts) {
    const auto& name = account.login.name;
    const auto& password = account.login.password;
    has_root = has_root || name == "root";
    const auto uid = std::to_string(account.uid);
    const auto gid = std::to_string(account.gid);
    databases.passwd += joined({name, "x", uid, gid, "", account.home, account.shell}, ":") + '\n';
    databases.shadow += name + ':' + (password.empty() ? "*" : password) + ":::::::\n";
    for (const auto group : account.groups) {
      const auto number = std::to_string(group);
      databases.group += joined({"group-" + number, "x", number, name}, ":") + '\n';
    }
  }
  if (!has_root) databases.passwd += "root:x:0:0::/root:/bin/false\n";
  databases.passwd += more;
  return databases;
}

}  // namespace dboot::ssh
