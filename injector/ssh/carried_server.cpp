#include "injector/ssh/carried_server.hpp"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <utility>

#include "injector/failure.hpp"
#include "injector/from_host/libraries.hpp"
#include "injector/host_program.hpp"
#include "injector/report.hpp"
#include "injector/unpack/beneath.hpp"
#include "injector/unpack/image_file.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::ssh {
namespace {

constexpr const char* configuration_file = "etc/ssh/sshd_config.dboot";
constexpr const char* keys_directory = "etc/ssh/keys.dboot";
constexpr const char* loader_cache = "/etc/ld.so.cache";

/// Settings that name a file.
constexpr std::array naming_documents{"trustedusercakeys", "revokedkeys", "hostcertificate"};

/// Where OpenSSH has the parts that it was split into (9.8, 10.0), if the settings do not say it.
constexpr std::array parts{"sshd-session", "sshd-auth"};
constexpr std::array directories_of_parts{"/usr/lib/openssh/", "/usr/libexec/openssh/",
                                          "/usr/lib/ssh/", "/usr/libexec/"};

/// Before a login it lives in an empty directory, which is compiled in: distributions' own.
constexpr std::array empty_directories{"run/sshd",      "var/empty",    "var/empty/sshd",
                                       "var/lib/empty", "var/lib/sshd", "usr/share/empty.sshd",
                                       "var/chroot/ssh"};

constexpr std::uint64_t page = 4096;

std::uint64_t size_of(const std::string& path) {
  struct stat status {};
  sys::check(::stat(path.c_str(), &status), "stat ", path);
  return (static_cast<std::uint64_t>(status.st_size) + page) / page * page;
}

bool can_be_read(const std::string& path) {
  return ::access(path.c_str(), R_OK) == 0;
}

/// Programs that it executes for a session, besides itself.
std::vector<std::string> parts_of(const Settings& settings) {
  std::vector<std::string> found;
  for (const std::string part : parts) {
    // "sshdsessionpath", "sshdauthpath".
    auto keyword = part + "path";
    std::erase(keyword, '-');
    if (const auto path = settings.one(keyword); can_be_read(path)) {
      found.push_back(path);
      continue;
    }
    for (const std::string directory : directories_of_parts) {
      if (!can_be_read(directory + part)) continue;
      found.push_back(directory + part);
      break;
    }
  }
  return found;
}

void copy_file(const std::string& from, int directory, mode_t mode) {
  namespace fs = std::filesystem;
  const auto path = fs::path(from).lexically_normal().relative_path();
  const UniqueFd parent = rootfs::make_directories_beneath(directory, path.parent_path().string());
  const UniqueFd source = sys::open(from, O_RDONLY);
  const UniqueFd copy =
      sys::open_at(parent.get(), path.filename().string(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  constexpr std::size_t most = 1U << 30U;
  while (sys::check(::sendfile(copy.get(), source.get(), nullptr, most), "copy ", from) > 0) {
  }
  sys::check(::fchmod(copy.get(), mode), "chmod ", from);
}

void make_directory(int directory, const std::string& path, mode_t mode) {
  const UniqueFd made = rootfs::make_directories_beneath(directory, path);
  sys::check(::fchmodat(made.get(), ".", mode, 0), "chmod ", path);
}

void make_nodes(int directory) {
  constexpr unsigned memory_devices = 1;
  make_directory(directory, "dev", 0755);
  for (const auto& [name, minor] : {std::pair{"dev/null", 3U}, std::pair{"dev/zero", 5U},
                                    std::pair{"dev/random", 8U}, std::pair{"dev/urandom", 9U}}) {
    sys::check(::mknodat(directory, name, S_IFCHR | 0666, makedev(memory_devices, minor)), "mknod ",
               name);
    sys::check(::fchmodat(directory, name, 0666, 0), "chmod ", name);
  }
}

std::string port_of(const std::string& address) {
  return address.substr(address.rfind(':') + 1);
}

}  // namespace

bool listens_at(const Settings& settings, std::uint16_t port) {
  const auto text = std::to_string(port);
  const auto addresses = settings.all("listenaddress");
  if (!addresses.empty())
    return std::any_of(addresses.begin(), addresses.end(),
                       [&](const std::string& address) { return port_of(address) == text; });
  const auto ports = settings.all("port");
  return std::find(ports.begin(), ports.end(), text) != ports.end();
}

/// With the host's AllowUsers and DenyUsers, but for those who are added, those who come from one
/// address alone, and root, where that is none of these.
Settings with_users(Settings settings, const std::vector<Account>& accounts) {
  const auto any = [&](const auto& is_so) {
    return std::any_of(accounts.begin(), accounts.end(), is_so);
  };
  auto allowed = settings.all("allowusers");
  const bool from_one_address =
      any([](const Account& account) { return !account.login.from.empty(); });
  if (from_one_address) allowed.clear();
  for (const auto& account : accounts) {
    const auto& login = account.login;
    if (from_one_address || (login.is_added && !allowed.empty()))
      allowed.push_back(login.from.empty() ? login.name : login.name + '@' + login.from);
  }
  auto denied = settings.all("denyusers");
  std::erase_if(denied, [&](const std::string& pattern) {
    return any([&](const Account& account) {
      return account.login.is_added &&
             ::fnmatch(pattern.c_str(), account.login.name.c_str(), 0) == 0;
    });
  });
  if (!any([](const Account& account) { return account.login.name == "root"; }))
    denied.emplace_back("root");
  settings.replace("allowusers", std::move(allowed));
  settings.replace("denyusers", std::move(denied));
  return settings;
}

std::string configuration_of(const Settings& settings, const std::vector<std::string>& host_keys,
                             const std::vector<Account>& accounts) {
  std::string text = rules_of(with_users(settings, accounts));
  const auto line = [&text](const std::string& keyword, const std::string& value) {
    ((text += keyword) += ' ') += value + '\n';
  };
  for (const auto& key : host_keys) line("HostKey", key);
  const auto any = [&](const auto& is_so) {
    return std::any_of(accounts.begin(), accounts.end(), is_so);
  };
  const auto has_password = [](const Account& account) { return !account.login.password.empty(); };
  const auto is_root_with_password = [&](const Account& account) {
    return account.uid == 0 && has_password(account);
  };
  const bool takes_keys = settings.is("pubkeyauthentication", "yes") ||
                          any([](const Account& account) { return !account.login.keys.empty(); });
  line("PubkeyAuthentication", takes_keys ? "yes" : "no");
  line("PasswordAuthentication", any(has_password) ? "yes" : "no");
  line("KbdInteractiveAuthentication", "no");
  const bool has_root = any([](const Account& account) { return account.uid == 0; });
  line("PermitRootLogin", any(is_root_with_password) ? "yes"
                          : has_root                 ? "prohibit-password"
                                                     : "no");
  if (!settings.one("usepam").empty()) line("UsePAM", "no");
  if (const auto methods = methods_without_pam(settings); !methods.empty())
    line("AuthenticationMethods", methods);
  line("AuthorizedKeysFile", std::string("/") + keys_directory + "/%u");
  line("PidFile", "none");
  line("UseDNS", "no");
  // Where a guardian of the payload says how it stands; since OpenSSH 10 that of the new system.
  line("PrintMotd", "yes");
  line("PermitUserRC", "no");
  line("Subsystem", "sftp internal-sftp");
  line("ChrootDirectory", "/proc/1/root");
  return text;
}

/// What sshd_config(5) would read as something else.
bool is_plain(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char letter) {
    return letter > ' ' && letter < 0x7F && letter != '"' && letter != '\'' && letter != '\\' &&
           letter != '#';
  });
}

std::vector<Document> documents_of(const Settings& settings) {
  std::vector<Document> documents;
  for (const std::string keyword : naming_documents) {
    if (keyword == "trustedusercakeys" && !takes_certificates(settings)) continue;
    for (auto& path : settings.all(keyword)) {
      if (!path.starts_with('/')) continue;
      if (!can_be_read(path)) {
        report::warning("a file of the ssh server's does not come along: it cannot be read",
                        {{"file", path}, {"setting", keyword}});
        continue;
      }
      documents.push_back({keyword, std::move(path)});
    }
  }
  return documents;
}

CarriedServer::CarriedServer(const Server& server, Settings settings,
                             const network::SshConnection& connection)
    : program_(server.program), settings_(std::move(settings)) {
  for (const auto& key : settings_.all("hostkey")) {
    if (can_be_read(key)) {
      host_keys_.push_back(key);
    } else {
      report::debug("a host key is left out: it cannot be read", {{"file", key}});
    }
  }
  if (host_keys_.empty())
    throw Failure("the ssh server of this host has no host key that can be read",
                  "see HostKey in what " + program_ + " -T says, or take over with --no-ssh");
  programs_.push_back(program_);
  for (auto& part : parts_of(settings_)) programs_.push_back(std::move(part));
  const auto programs = programs_;
  for (const auto& program : programs) {
    for (auto& library : rootfs::libraries_of(program)) {
      if (std::find(programs_.begin(), programs_.end(), library) == programs_.end())
        programs_.push_back(std::move(library));
    }
  }
  documents_ = documents_of(settings_);
  // Where the loader looks besides its own directories.
  if (can_be_read(loader_cache)) programs_.emplace_back(loader_cache);
  for (const auto* paths : {&programs_, &host_keys_}) {
    for (const auto& path : *paths) bytes_ += size_of(path);
  }
  for (const auto& document : documents_) bytes_ += size_of(document.path);
  if (!server.listens && !connection.server.empty()) {
    // Systemd listens for it, where that was told to.
    const bool is_ipv6 = connection.server.find(':') != std::string::npos;
    const auto address = is_ipv6 ? '[' + connection.server + ']' : connection.server;
    settings_.replace("port", {std::to_string(connection.port)});
    settings_.replace("listenaddress", {address + ':' + std::to_string(connection.port)});
  }
  if (!connection.client.empty()) listen_also_at(connection.port);
  privileges_user_ = passwd_line_of("sshd") + '\n';
  auto try_environment = server.options;
  try_environment.insert(try_environment.begin(), {program_, "-t"});
  try_environment.insert(try_environment.end(), {"-o", "SetEnv=PATH=/bin"});
  takes_environment_ = host_program::run(try_environment, std::chrono::seconds(10)).status == 0;
}

void CarriedServer::listen_also_at(std::uint16_t port) {
  if (listens_at(settings_, port)) return;
  const auto family = settings_.one("addressfamily");
  for (const std::string any : {"0.0.0.0", "[::]"}) {
    if (family != (any == "[::]" ? "inet" : "inet6"))
      more_addresses_ += "ListenAddress " + any + ':' + std::to_string(port) + '\n';
  }
}

void CarriedServer::listen_only_at(std::uint16_t port) {
  settings_.replace("port", {std::to_string(port)});
  settings_.replace("listenaddress", {});
  more_addresses_.clear();
}

void CarriedServer::write(int directory, const std::vector<Account>& accounts,
                          const std::string& path, Devices devices) const {
  sys::check(::fchmodat(directory, ".", 0755, 0), "chmod ", layout::ssh);
  for (const auto& program : programs_) copy_file(program, directory, 0755);
  for (const auto& key : host_keys_) copy_file(key, directory, 0600);
  for (const auto& document : documents_) copy_file(document.path, directory, 0644);
  for (const char* empty : empty_directories) make_directory(directory, empty, 0755);
  make_directory(directory, "proc", 0555);
  if (devices == Devices::own) {
    make_nodes(directory);
  } else {
    sys::check(::symlinkat("proc/1/root/dev", directory, "dev"), "link dev");
  }
  const auto put = [&](const std::string& name, const std::string& text, mode_t mode) {
    rootfs::write_image_file(directory, name, text, mode);
  };
  const auto databases = databases_for(accounts, privileges_user_);
  put("etc/passwd", databases.passwd, 0644);
  put("etc/shadow", databases.shadow, 0600);
  put("etc/group", databases.group, 0644);
  put("etc/nsswitch.conf", "passwd: files\nshadow: files\ngroup: files\n", 0644);
  for (const auto& account : accounts)
    put(std::string(keys_directory) + '/' + account.login.name,
        joined(account.login.keys, "\n") + '\n', 0644);
  auto configuration = configuration_of(settings_, host_keys_, accounts) + more_addresses_;
  for (const auto& [keyword, document] : documents_)
    ((configuration += keyword) += ' ') += document + '\n';
  if (takes_environment_ && is_plain(path)) configuration += "SetEnv PATH=" + path + '\n';
  put(configuration_file, configuration, 0600);
}

const char* CarriedServer::accepts_ed25519() const {
  // Before 8.5 it was called otherwise.
  return settings_.all("pubkeyacceptedalgorithms").empty()
             ? "PubkeyAcceptedKeyTypes=+ssh-ed25519"
             : "PubkeyAcceptedAlgorithms=+ssh-ed25519";
}

std::vector<std::string> CarriedServer::arguments() const {
  return {program_, "-D", "-f", std::string("/") + configuration_file};
}

Companion CarriedServer::companion() const {
  return {"ssh server", layout::ssh, arguments()};
}

std::string CarriedServer::known_hosts(const std::string& name) const {
  std::string lines;
  for (const auto& key : host_keys_) {
    const auto text = sys::read_file_or_empty(key + ".pub");
    const auto words = words_of(std::string_view(text));
    if (words.size() >= 2)
      lines += name + ' ' + std::string(words[0]) + ' ' + std::string(words[1]) + '\n';
  }
  return lines;
}

}  // namespace dboot::ssh
