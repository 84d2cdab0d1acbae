#include "injector/command/user.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <sstream>
#include <system_error>
#include <vector>

#include "injector/failure.hpp"
#include "injector/unpack/beneath.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

/// passwd(5) of a large site has some MiB.
constexpr off_t largest_database = off_t{64} << 20U;

using Fields = std::vector<std::string>;
constexpr std::size_t passwd_fields = 7;
constexpr std::size_t group_fields = 4;

std::optional<std::uint32_t> parse_id(std::string_view text) {
  constexpr std::uint32_t largest = (1U << 31U) - 1;  // as docker
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id > largest) return {};
  return id;
}

/// The lines of a database that have a name and, in their third field, a number.
std::vector<Fields> parse_database(std::string_view text, std::size_t fields) {
  std::vector<Fields> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) {
    Fields entry;
    std::istringstream rest(line);
    for (std::string field; std::getline(rest, field, ':');) entry.push_back(field);
    entry.resize(std::max(entry.size(), fields));
    if (!entry[0].empty() && !entry[0].starts_with('#') && parse_id(entry[2])) {
      lines.push_back(std::move(entry));
    }
  }
  return lines;
}

const Fields* find(const std::vector<Fields>& lines, const std::string& wanted) {
  const auto id = parse_id(wanted);
  const auto found = std::find_if(lines.begin(), lines.end(), [&](const Fields& line) {
    return id ? parse_id(line[2]) == id : line[0] == wanted;
  });
  return found == lines.end() ? nullptr : &*found;
}

bool has_member(const Fields& group, const std::string& name) {
  std::istringstream members(group[3]);
  for (std::string member; std::getline(members, member, ',');) {
    if (member == name) return true;
  }
  return false;
}

[[noreturn]] void unknown(const std::string& what, const std::string& name) {
  throw Failure(
      "there is no " + what + " '" + name + "' in the image",
      "name one of its /etc/" + std::string(what == "user" ? "passwd" : "group") + ", or a number");
}

std::string read_database(int root_fd, const std::string& path) {
  struct stat status {};
  const UniqueFd found = try_open_beneath(root_fd, path, O_PATH);
  if (!found || ::fstat(found.get(), &status) < 0 || !S_ISREG(status.st_mode)) return {};
  if (status.st_size > largest_database) {
    throw Failure(path + " of the image has " + std::to_string(status.st_size) + " bytes",
                  "take an image with a smaller one");
  }
  const UniqueFd fd = open_beneath(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  const auto size = sys::check(::pread(fd.get(), text.data(), text.size(), 0), "read ", path);
  text.resize(static_cast<std::size_t>(size));
  return text;
}

/// In a child: the errno of the first call that fails; 0 when none does.
int try_as(int root_fd, const std::string& path, const Credentials& credentials) {
  const std::vector<gid_t> groups(credentials.groups.begin(), credentials.groups.end());
  if (::fchdir(root_fd) < 0 || ::chroot(".") < 0) return errno;
  if (::setgroups(groups.size(), groups.data()) < 0 || ::setgid(credentials.gid) < 0 ||
      ::setuid(credentials.uid) < 0) {
    return errno;
  }
  return ::access(path.c_str(), X_OK) < 0 ? errno : 0;
}

}  // namespace

User resolve_user(const std::string& specification, std::string_view passwd,
                  std::string_view group) {
  const auto colon = specification.find(':');
  const std::string user_name = colon == 0 ? "0" : specification.substr(0, colon);
  const std::string group_name =
      colon == std::string::npos ? std::string() : specification.substr(colon + 1);
  const auto users = parse_database(passwd, passwd_fields);
  const auto groups = parse_database(group, group_fields);

  User user;
  const Fields* entry = find(users, user_name);
  if (entry != nullptr) {
    user.credentials.uid = *parse_id((*entry)[2]);
    user.credentials.gid = parse_id((*entry)[3]).value_or(0);
    if ((*entry)[5].starts_with('/')) user.home = (*entry)[5];
    user.shell = (*entry)[6];
  } else if (const auto id = parse_id(user_name)) {
    user.credentials.uid = *id;
  } else {
    unknown("user", user_name);
  }

  if (!group_name.empty()) {
    const Fields* own = find(groups, group_name);
    const auto id = own != nullptr ? parse_id((*own)[2]) : parse_id(group_name);
    if (!id) unknown("group", group_name);
    user.credentials.gid = *id;
    user.credentials.groups = {*id};
    return user;
  }
  auto& ids = user.credentials.groups;
  ids.push_back(user.credentials.gid);
  for (const auto& candidate : groups) {
    if (entry != nullptr && has_member(candidate, (*entry)[0])) {
      ids.push_back(*parse_id(candidate[2]));
    }
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return user;
}

std::string home_of(const std::string& name, std::string_view passwd) {
  for (const auto& line : parse_database(passwd, passwd_fields))
    if (line[0] == name) return line[5];
  return {};
}

User find_user(int root_fd, const std::string& specification) {
  return resolve_user(specification, read_database(root_fd, "etc/passwd"),
                      read_database(root_fd, "etc/group"));
}

void check_permission(int root_fd, const std::string& path, const std::string& user,
                      const Credentials& credentials) {
  if (::geteuid() != 0) return;
  const pid_t child = sys::check(::fork(), "fork");
  if (child == 0) ::_exit(try_as(root_fd, path, credentials));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) sys::fail(errno, {"wait for a child"});
  }
  const int error = WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
  if (error == 0) return;
  throw Failure("user " + user + " cannot run " + path +
                    " of the image: " + std::generic_category().message(error),
                "correct its permissions in the image, or take another --user",
                exit_status::cannot_run);
}

}  // namespace dboot::rootfs
