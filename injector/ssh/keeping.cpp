#include "injector/ssh/keeping.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "injector/command/user.hpp"
#include "injector/failure.hpp"
#include "injector/guard.hpp"
#include "injector/network/keeping.hpp"
#include "injector/report.hpp"
#include "injector/ssh/image_server.hpp"
#include "injector/ssh/key_lines.hpp"
#include "injector/ssh/trial.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::ssh {
namespace {

using Keep = Options::Keep;

std::vector<std::string> keys_in(const std::vector<std::string>& files) {
  std::vector<std::string> keys;
  for (const auto& file : files) {
    std::string text;
    try {
      text = sys::read_file(file);
    } catch (const std::system_error& error) {
      throw Failure("cannot read the key " + file + ": " + error.code().message(),
                    "correct --ssh-key");
    }
    const auto lines = usable_key_lines(text);
    const bool is_private = text.find("PRIVATE KEY") != std::string::npos;
    if (lines.empty() || is_private)
      throw Failure(file + (is_private ? " is a private key" : " has no key in it"),
                    "name the public one, which ssh-keygen has left as FILE.pub");
    keys.insert(keys.end(), lines.begin(), lines.end());
  }
  return keys;
}

bool has_dropbear() {
  const auto processes = list_processes();
  return std::any_of(processes.begin(), processes.end(), [](pid_t pid) {
    const auto process = read_process_status(pid);
    return process && process->name == "dropbear";
  });
}

WayIn way_in_of(const Options& options) {
  auto connection = network::ssh_connection();
  const auto server = find_server();
  if (!server)
    throw Failure(
        "this host has no ssh server that could come along: no sshd of OpenSSH" +
            std::string(has_dropbear() ? ", and its dropbear cannot go into a new root" : ""),
        "install openssh-server, which need not run, or take over with --no-ssh");
  auto logins = find_logins(*server, connection, keys_in(options.ssh_keys));
  const auto caller = name_of_caller();
  const bool caller_may = !logins.empty() && logins.front().name == caller;
  if (logins.empty() || (guard::is_over_ssh() && !caller_may))
    throw Failure(caller +
                      " could not log in to the new system: the host has no key of theirs and "
                      "no password that could come along",
                  "name a public key with --ssh-key FILE, or take over with --no-ssh");
  auto settings = ask(*server, logins.front().name, connection);
  CarriedServer carried(*server, std::move(settings), connection);
  if (options.rescue_port) carried.listen_also_at(*options.rescue_port);
  return {std::move(carried), std::move(logins), std::move(connection), options.rescue_port};
}

/// sshd takes nobody into a root that others could have prepared.
void make_root_safe(int root) {
  struct stat status {};
  sys::check(::fstat(root, &status), "stat of the new root");
  constexpr mode_t of_others = S_IWGRP | S_IWOTH;
  if (status.st_uid == 0 && (status.st_mode & of_others) == 0) return;
  sys::check(::fchownat(root, ".", 0, static_cast<gid_t>(-1), 0), "chown of the new root");
  sys::check(::fchmodat(root, ".", status.st_mode & 07777U & ~of_others, 0),
             "chmod of the new root");
  report::info("the image's / is root's alone now, as sshd asks for");
}

/// A busybox is staged as a program, and a shell by its name.
bool make_shell(const Staging& staging) {
  if (::faccessat(staging.directory(), layout::busybox_name, X_OK, 0) != 0) return false;
  if (::symlinkat(layout::busybox_name, staging.directory(), layout::shell_name) != 0 &&
      errno != EEXIST)
    sys::fail(errno, {"link ", layout::shell});
  return true;
}

/// Where whoever logs in finds the program that attaches to the command, and by that name.
void make_attach(const Staging& staging) {
  sys::check(::symlinkat(layout::payload_name, staging.directory(), layout::attach_name), "link ",
             layout::attach_name);
}

/// The command's, and where dboot-attach is.
std::string path_in(const std::vector<std::string>& environment) {
  constexpr std::string_view name = "PATH=";
  const auto found =
      std::find_if(environment.begin(), environment.end(),
                   [&](const std::string& variable) { return variable.starts_with(name); });
  const std::string path =
      found == environment.end() ? "/usr/sbin:/usr/bin:/sbin:/bin" : found->substr(name.size());
  return path + ':' + layout::directory;
}

/// Whom the host did not let in by these keys.
Login added_root(const Login& caller) {
  Login root{"root", caller.keys, "", caller.rules, caller.from};
  root.is_added = true;
  return root;
}

/// Who has called is root here, and finds somebody who is it there, too.
std::vector<Account> accounts_in(int root, const std::vector<Login>& logins, bool has_busybox) {
  std::vector<Account> accounts;
  accounts.reserve(logins.size() + 1);
  for (const auto& login : logins) accounts.push_back(account_in(root, login, has_busybox));
  const bool has_root = std::any_of(accounts.begin(), accounts.end(),
                                    [](const Account& account) { return account.uid == 0; });
  if (has_root) return accounts;
  report::info("root may log in with the same keys, for in the image that is another account",
               {{"user", logins.front().name}});
  accounts.push_back(account_in(root, added_root(logins.front()), has_busybox));
  return accounts;
}

/// Whom the image does not know gets root's rights.
bool is_root_in(int root, const std::string& name) {
  try {
    return rootfs::find_user(root, name).credentials.uid == 0;
  } catch (const Failure&) {
    return true;
  }
}

Guest guest(const Login& login, bool is_root) {
  const auto keys = std::count_if(login.keys.begin(), login.keys.end(), lets_a_person_in);
  return {login.name, is_root, static_cast<std::size_t>(keys), !login.password.empty()};
}

/// With the keys that are the host's. Nobody logs in to it for trial: what would keep them out is
/// looked for.
std::vector<Guest> leave_it_to_the_image(const WayIn& way_in, int root) {
  const std::string mend =
      "correct the image, take the host's server along with --rescue-ssh PORT, or take over with "
      "--no-ssh";
  const auto rules = rules_of_image_server(root);
  const auto& ports = rules.ports;
  if (way_in.rescue_port &&
      std::find(ports.begin(), ports.end(), *way_in.rescue_port) != ports.end())
    throw Failure("the image's ssh server listens at the port " +
                      std::to_string(*way_in.rescue_port) + " as well",
                  "name another one with --rescue-ssh");
  std::string obstacle;
  const auto& keys = way_in.logins.front().keys;
  if (std::none_of(keys.begin(), keys.end(), lets_a_person_in))
    obstacle = "it gets keys, and " + way_in.logins.front().name + " has none";
  if (!rules.obstacle.empty()) obstacle = "its sshd_config says " + rules.obstacle;
  if (!obstacle.empty() && !way_in.rescue_port)
    throw Failure("the image's own ssh server may let nobody in: " + obstacle, mend);
  if (!obstacle.empty())
    report::warning("the image's own ssh server may let nobody in", {{"reason", obstacle}});
  if (std::find(ports.begin(), ports.end(), way_in.connection.port) == ports.end())
    report::warning("the image's own ssh server listens elsewhere", {{"port", ports.front()}});
  auto logins = way_in.logins;
  const bool has_root = std::any_of(logins.begin(), logins.end(), [&](const Login& login) {
    return is_root_in(root, login.name);
  });
  if (!has_root) logins.push_back(added_root(logins.front()));
  std::vector<Guest> guests;
  for (auto login : logins) {
    login.password.clear();
    guests.push_back(guest(login, is_root_in(root, login.name)));
  }
  give_keys(root, way_in.server.host_keys(), logins);
  return guests;
}

/// Somebody who has them is always let in.
std::string name_with_roots_rights(const std::vector<Guest>& guests) {
  const auto found =
      std::find_if(guests.begin(), guests.end(), [](const Guest& one) { return one.is_root; });
  return found == guests.end() ? "root" : found->name;
}

void tell(const std::vector<Guest>& guests) {
  for (const auto& [name, is_root, keys, has_password] : guests)
    report::info("may log in", {{"user", name},
                                {"rights", is_root ? "root" : "of the image's user"},
                                {"keys", keys},
                                {"password", has_password ? "yes" : "no"}});
}

}  // namespace

std::string WayIn::command_for(const std::string& name) const {
  std::string text = "ssh ";
  if (connection.port != 22) text += "-p " + std::to_string(connection.port) + ' ';
  text += name + '@';
  return text + (connection.server.empty() ? "HOST" : connection.server);
}

std::optional<WayIn> find_way_in(const Options& options) {
  const bool is_told_how = !options.ssh_keys.empty() || options.rescue_port;
  if (options.keep_ssh == Keep::no) {
    if (is_told_how)
      throw Failure(
          "--ssh-key and --rescue-ssh are for an ssh server that comes along, and that is "
          "not to",
          "leave out --no-ssh, or these");
    return std::nullopt;
  }
  const bool is_asked_for = options.keep_ssh == Keep::yes || is_told_how;
  if (!is_asked_for && (options.rehearse || !network::is_kept(options))) return std::nullopt;
  const bool is_needed = is_asked_for || guard::is_over_ssh();
  try {
    return way_in_of(options);
  } catch (const std::exception& error) {
    if (is_needed) throw;
    report::info("nobody can log in over ssh afterwards", {{"reason", error.what()}});
    return std::nullopt;
  }
}

Kept keep(WayIn& way_in, const Staging& staging, const Plan& plan) {
  Kept kept;
  kept.command = way_in.command();
  const auto starter = starter_of_image_server(staging.root(), plan);
  if (!starter.empty()) {
    report::info("the image starts an ssh server of its own", {{"by", starter}});
    kept.by_image = true;
    kept.guests = leave_it_to_the_image(way_in, staging.root());
    kept.command_of_root = way_in.command_for(name_with_roots_rights(kept.guests));
    if (!way_in.rescue_port) return kept;
    way_in.server.listen_only_at(*way_in.rescue_port);
  }
  if (plan.start == Start::exec && plan.credentials.uid != 0)
    throw Failure(
        "nobody could log in to the new system: its init is not root's, and sshd goes into "
        "root's alone",
        "leave out --user, or take over with --no-ssh");
  make_root_safe(staging.root());
  make_attach(staging);
  const auto accounts = accounts_in(staging.root(), way_in.logins, make_shell(staging));
  const auto path = path_in(plan.environment);
  kept.was_tried = try_to_log_in(way_in.server, accounts, path, staging.root());
  sys::check(::mkdirat(staging.directory(), layout::ssh_name, 0755), "mkdir ", layout::ssh);
  const UniqueFd directory =
      sys::open_at(staging.directory(), layout::ssh_name, O_RDONLY | O_DIRECTORY);
  way_in.server.write(directory.get(), accounts, path, CarriedServer::Devices::of_new_system);
  kept.companions = {way_in.server.companion()};
  kept.guests.clear();
  for (const auto& account : accounts)
    kept.guests.push_back(guest(account.login, account.uid == 0));
  kept.command_of_root = way_in.command_for(name_with_roots_rights(kept.guests));
  tell(kept.guests);
  return kept;
}

}  // namespace dboot::ssh
