#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "injector/ssh/server.hpp"

/// Who is let in by the host's ssh server, and who will be by the one in the new system.
namespace dboot::ssh {

/// Somebody as the host lets them in.
struct Login {
  std::string name;
  std::vector<std::string> keys;  ///< lines of authorized_keys
  std::string password;           ///< its hash (crypt(5)); empty where none is taken
  std::string rules{};            ///< of the server, for them
  std::string from{};             ///< the address that they may come from alone; empty: any
  bool is_added = false;          ///< the host does not let them in, or not by these keys
};

/// Somebody in the new system.
struct Account {
  Login login;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;
  std::string home = "/";
  std::string shell{};
};

/// The name that the caller has logged in with, which sudo and su do not change.
std::string name_of_caller();

/// The line of a user of the host's in passwd(5), whoever keeps it: by name or number. Empty where
/// there is none.
std::string passwd_line_of(const std::string& user);

/// The caller, who comes first, and root, as far as the server lets them in by something that can
/// be taken along: where it has other rules for root than for the caller, root stays out.
/// `more_keys` are everybody's. Throws Failure.
std::vector<Login> find_logins(const Server& server, const network::SshConnection& connection,
                               const std::vector<std::string>& more_keys);

/// The account of the image that has the name; where it has none, one with root's rights. Throws
/// Failure when the new root has no shell for it. `has_busybox`: there is one below
/// layout::directory, which root's rights reach.
Account account_in(int root, const Login& login, bool has_busybox);

/// Whether a line lets in for more than a command of its own. Pure.
bool lets_a_person_in(std::string_view key_line);

/// passwd(5), shadow(5) and group(5) for these, root, and `more`, lines of passwd(5). Pure.
struct Databases {
  std::string passwd;
  std::string shadow;
  std::string group;
};
Databases databases_for(const std::vector<Account>& accounts, const std::string& more);

/// The hash of that user's password, where there is one that opens something. Pure.
std::string password_in(std::string_view shadow, const std::string& user);

}  // namespace dboot::ssh
