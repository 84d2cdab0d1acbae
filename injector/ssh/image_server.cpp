#include "injector/ssh/image_server.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>
#include <optional>
#include <system_error>

#include "injector/command/user.hpp"
#include "injector/failure.hpp"
#include "injector/report.hpp"
#include "injector/ssh/key_lines.hpp"
#include "injector/unpack/beneath.hpp"
#include "injector/unpack/image_file.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::ssh {
namespace {

constexpr std::array programs{"usr/sbin/sshd", "usr/bin/sshd", "usr/sbin/dropbear",
                              "usr/bin/dropbear"};
constexpr std::array units{"ssh.service", "sshd.service",     "ssh.socket",
                           "sshd.socket", "dropbear.service", "dropbear.socket"};
constexpr std::array services{"ssh", "sshd", "dropbear"};

constexpr std::uint16_t usual_port = 22;

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return lower;
}

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

bool is_server(std::string_view name) {
  return name == "sshd" || name == "dropbear";
}

/// Also for a link that leads nowhere: systemd's lead to its own directory.
bool is_there(int root, const std::string& path) {
  return static_cast<bool>(rootfs::try_open_beneath(root, path, O_PATH | O_NOFOLLOW));
}

std::vector<std::string> names_in(int root, const std::string& path) {
  std::vector<std::string> names;
  const UniqueFd directory = rootfs::try_open_beneath(root, path, O_RDONLY | O_DIRECTORY);
  if (!directory) return names;
  for (auto& entry : entries_of(directory.get(), path)) names.push_back(std::move(entry.name));
  std::sort(names.begin(), names.end());
  return names;
}

/// A link to /dev/null, which systemctl(1) makes.
bool is_masked(int root, const std::string& unit) {
  const auto way = rootfs::way_beneath(root, "/etc/systemd/system/" + unit);
  return !way.empty() && way.back() == "/dev/null";
}

std::string enabled_for_systemd(int root) {
  for (const std::string directory :
       {"/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}) {
    for (const auto& wants : names_in(root, directory)) {
      if (!wants.ends_with(".wants") && !wants.ends_with(".requires")) continue;
      for (const char* unit : units) {
        auto path = joined({directory, wants, unit}, "/");
        if (is_there(root, path) && !is_masked(root, unit)) return path;
      }
    }
  }
  return "";
}

/// /etc/rc2.d/S01ssh.
std::string enabled_for_sysvinit(int root) {
  for (const std::string directory : {"/etc/rc2.d", "/etc/rc3.d", "/etc/rc5.d"}) {
    for (const auto& name : names_in(root, directory)) {
      constexpr std::size_t prefix = 3;  // "S01"
      if (!name.starts_with('S') || name.size() < prefix) continue;
      const auto service = std::string_view(name).substr(prefix);
      if (std::find(services.begin(), services.end(), service) != services.end())
        return joined({directory, name}, "/");
    }
  }
  return "";
}

std::string enabled_in(int root, std::initializer_list<const char*> directories) {
  for (const char* directory : directories) {
    for (const char* service : services) {
      auto path = joined({directory, service}, "/");
      if (is_there(root, path)) return path;
    }
  }
  return "";
}

/// What this init starts.
std::string enabled_for(int root, std::string_view init) {
  if (init == "systemd") return enabled_for_systemd(root);
  if (init.starts_with("runit"))
    return enabled_in(root, {"/etc/runit/runsvdir/default", "/etc/service", "/var/service"});
  // busybox's and sysvinit's are told by /etc/inittab to start OpenRC, where that is.
  const bool may_be_openrc = init == "init" || init == "busybox" || init == "openrc-init";
  if (may_be_openrc && (is_there(root, "sbin/openrc") || is_there(root, "usr/sbin/openrc")))
    return enabled_in(root, {"/etc/runlevels/default"});
  return init == "init" ? enabled_for_sysvinit(root) : "";
}

/// Small files of the image; empty when it cannot be read.
std::string text_of(int root, const std::string& path) {
  const UniqueFd file = rootfs::try_open_beneath(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat status {};
  constexpr off_t most = off_t{1} << 20U;
  if (!file || ::fstat(file.get(), &status) < 0 || !S_ISREG(status.st_mode) ||
      status.st_size > most)
    return "";
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  const auto count = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  return text;
}

/// With what it includes from its own directory.
std::vector<std::string> configurations_of_image(int root) {
  const std::string directory = "etc/ssh/sshd_config.d/";
  std::vector<std::string> texts;
  for (const auto& name : names_in(root, directory)) {
    if (name.ends_with(".conf")) texts.push_back(text_of(root, directory + name));
  }
  texts.push_back(text_of(root, "etc/ssh/sshd_config"));
  return texts;
}

/// "ed25519" of /etc/ssh/ssh_host_ed25519_key; empty where the name does not say it.
std::string kind_of(const std::string& key) {
  for (const char* kind : {"ed25519", "ecdsa", "rsa"})
    if (last_part(key).find(kind) != std::string_view::npos) return kind;
  return "";
}

void give_host_key(int root, const std::string& file, const std::string& configuration) {
  const auto kind = kind_of(file);
  if (kind.empty()) {
    report::warning("a host key does not come along: its name does not say its kind",
                    {{"file", file}});
    return;
  }
  const auto to = host_key_path(configuration, kind);
  const auto text = sys::read_file(file);
  const auto there = text_of(root, to);
  if (there == text) return;
  rootfs::write_image_file(root, to.substr(1), text, 0600);
  const auto public_key = sys::read_file_or_empty(file + ".pub");
  if (!public_key.empty()) rootfs::write_image_file(root, to.substr(1) + ".pub", public_key, 0644);
  report::info(there.empty() ? "the image has this host key now"
                             : "the image has this host key now, in the place of its own",
               {{"file", to}});
}

void own(int directory, const std::string& name, const Credentials& owner) {
  sys::check(::fchownat(directory, name.c_str(), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW),
             "chown ", name);
}

void append(int root, const std::string& path, const std::string& line) {
  const UniqueFd file = rootfs::open_beneath(root, path, O_WRONLY | O_APPEND);
  const auto there = text_of(root, path);
  sys::write_all(file.get(), (there.empty() || there.ends_with('\n') ? "" : "\n") + line + '\n');
}

/// One with root's rights.
rootfs::User make_account(int root, const std::string& name) {
  auto user = rootfs::find_user(root, "0");
  append(root, "etc/passwd",
         name + ":x:0:0:made by dboot-inject:" + user.home + ':' +
             (user.shell.empty() ? "/bin/sh" : user.shell));
  if (is_there(root, "etc/shadow")) append(root, "etc/shadow", name + ":*:::::::");
  report::info("the image has this user now, with root's rights", {{"user", name}});
  return user;
}

/// Behind those that the image has there.
void let_in(int root, const Login& login) {
  rootfs::User user;
  try {
    user = rootfs::find_user(root, login.name);
  } catch (const Failure&) {
    user = make_account(root, login.name);
  }
  const auto directory = user.home + "/.ssh";
  const auto path = directory + "/authorized_keys";
  rootfs::refuse_hidden(root, directory);
  const auto there = text_of(root, path);
  auto lines = usable_key_lines(there);
  const auto before = lines.size();
  for (const auto& key : login.keys)
    if (std::find(lines.begin(), lines.end(), key) == lines.end()) lines.push_back(key);
  if (lines.size() == before) return;
  const bool has_home = is_there(root, user.home);
  const bool has_directory = is_there(root, directory);
  const UniqueFd made = rootfs::make_directories_beneath(root, directory);
  const UniqueFd home = rootfs::open_beneath(root, user.home, O_PATH | O_DIRECTORY);
  if (!has_home) own(home.get(), ".", user.credentials);
  if (!has_directory) {
    own(made.get(), ".", user.credentials);
    sys::check(::fchmodat(made.get(), ".", 0700, 0), "chmod ", directory);
  }
  std::string text = there;
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  for (std::size_t at = before; at < lines.size(); ++at) text += lines[at] + '\n';
  rootfs::write_image_file(root, path.substr(1), text, 0600);
  own(made.get(), "authorized_keys", user.credentials);
  report::info("may log in to the image's ssh server",
               {{"user", login.name}, {"keys", lines.size() - before}, {"file", path}});
}

/// cloud-init(1) would make new ones, for a machine that it takes for a new one.
void keep_keys_from_cloud_init(int root) {
  if (!is_there(root, "etc/cloud") && !is_there(root, "usr/bin/cloud-init")) return;
  rootfs::write_image_file(root, "etc/cloud/cloud.cfg.d/99-dboot-ssh.cfg",
                           "# Written by dboot-inject.\n"
                           "ssh_deletekeys: false\n"
                           "ssh_genkeytypes: []\n",
                           0644);
}

}  // namespace

std::string starter_of_image_server(int root, const Plan& plan) {
  if (is_server(last_part(plan.executable))) return plan.executable;
  if (plan.start != Start::exec) return "";
  if (std::none_of(programs.begin(), programs.end(),
                   [&](const char* program) { return is_there(root, program); }))
    return "";
  const auto init = rootfs::canonical_beneath(root, plan.executable);
  return init ? enabled_for(root, last_part(*init)) : "";
}

ImageRules rules_in(std::string_view sshd_config) {
  ImageRules rules;
  for (const auto line : lines_of(sshd_config)) {
    // "Keyword=value" and quotes say the same.
    std::string plain(line);
    std::replace_if(
        plain.begin(), plain.end(), [](char letter) { return letter == '=' || letter == '"'; },
        ' ');
    const auto words = words_of(std::string_view(plain));
    if (words.size() < 2 || words[0].starts_with('#')) continue;
    const auto keyword = in_lower_case(words[0]);
    const auto value = in_lower_case(words[1]);
    // What follows is for some alone.
    if (keyword == "match") break;
    if (keyword == "port") {
      if (const auto port = number_in<std::uint16_t>(words[1])) rules.ports.push_back(*port);
    }
    const bool is_obstacle =
        (keyword == "permitrootlogin" && (value == "no" || value == "forced-commands-only")) ||
        (keyword == "pubkeyauthentication" && value == "no") || keyword == "allowusers" ||
        keyword == "allowgroups" || keyword == "denyusers" || keyword == "denygroups" ||
        keyword == "authenticationmethods" ||
        (keyword == "authorizedkeysfile" &&
         line.find(".ssh/authorized_keys") == std::string_view::npos);
    if (is_obstacle && rules.obstacle.empty())
      rules.obstacle = std::string(words[0]) + ' ' + std::string(words[1]);
  }
  return rules;
}

ImageRules rules_of_image_server(int root) {
  ImageRules rules;
  // A Match ends with its file.
  for (const auto& text : configurations_of_image(root)) {
    auto of_file = rules_in(text);
    if (rules.obstacle.empty()) rules.obstacle = std::move(of_file.obstacle);
    rules.ports.insert(rules.ports.end(), of_file.ports.begin(), of_file.ports.end());
  }
  if (rules.ports.empty()) rules.ports.push_back(usual_port);
  return rules;
}

std::string host_key_path(std::string_view sshd_config, const std::string& kind) {
  for (const auto line : lines_of(sshd_config)) {
    const auto words = words_of(line);
    if (words.size() >= 2 && in_lower_case(words[0]) == "hostkey" && words[1].starts_with('/') &&
        kind_of(std::string(words[1])) == kind)
      return std::string(words[1]);
  }
  return "/etc/ssh/ssh_host_" + kind + "_key";
}

void give_keys(int root, const std::vector<std::string>& host_keys,
               const std::vector<Login>& logins) {
  try {
    const auto configuration = joined(configurations_of_image(root), "\n");
    for (const auto& key : host_keys) give_host_key(root, key, configuration);
    keep_keys_from_cloud_init(root);
    for (const auto& login : logins) let_in(root, login);
  } catch (const std::system_error& error) {
    throw Failure(
        std::string("the keys cannot be given to the image's ssh server: ") + error.what(),
        "see what the image has there, or take over with --no-ssh");
  }
}

}  // namespace dboot::ssh
