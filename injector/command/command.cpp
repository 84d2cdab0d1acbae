#include "injector/command/command.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

#include "injector/command/executable.hpp"
#include "injector/command/user.hpp"
#include "injector/failure.hpp"
#include "injector/unpack/beneath.hpp"
#include "injector/unpack/hidden.hpp"

namespace dboot::rootfs {
namespace {

constexpr const char* default_init = "/sbin/init";
/// As docker sets it.
constexpr const char* default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

constexpr std::array<std::string_view, 24> inits{
    "init",        "linuxrc",    "systemd",   "upstart",       "sysvinit",     "openrc-init",
    "runit",       "runit-init", "s6-svscan", "s6-linux-init", "dinit",        "finit",
    "sinit",       "shepherd",   "nosh",      "procd",         "busybox-init", "tini",
    "tini-static", "dumb-init",  "catatonit", "docker-init",   "minit",        "bootchartd",
};

std::string_view base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool names_an_init(std::string_view path) {
  return std::find(inits.begin(), inits.end(), base_name(path)) != inits.end();
}

bool is_busybox(std::string_view path) {
  const auto name = base_name(path);
  return name == "busybox" || name.starts_with("busybox.") || name == "toybox";
}

/// The value of a variable; empty when it is not set.
std::string value_of(const std::vector<std::string>& environment, std::string_view name) {
  for (const auto& variable : environment) {
    const auto equals = variable.find('=');
    if (std::string_view(variable).substr(0, equals) == name && equals != std::string::npos) {
      return variable.substr(equals + 1);
    }
  }
  return {};
}

/// In the new system as well as in the image.
constexpr std::array<std::string_view, 3> mounted_over{"/dev/pts", "/dev/shm", "/run/dboot"};

void refuse_hidden_directory(int root_fd, const std::string& path) {
  const auto way = way_beneath(root_fd, path);
  const auto is_mounted = [&](std::string_view place) { return way.back() == place; };
  if (way.empty() || std::any_of(mounted_over.begin(), mounted_over.end(), is_mounted)) return;
  const auto hidden = hidden_below(root_fd, path);
  if (hidden.empty()) return;
  throw Failure(
      "the working directory " + path + " is hidden by what the new system mounts on " + hidden,
      "name another one with --workdir");
}

std::string make_working_directory(int root_fd, const std::string& path) {
  if (path.empty()) return "/";
  std::string absolute = path.starts_with('/') ? path : "/" + path;
  try {
    refuse_hidden_directory(root_fd, absolute);
    make_directories_beneath(root_fd, absolute);
  } catch (const std::system_error& error) {
    throw Failure("the working directory cannot be made: " + std::string(error.what()),
                  "name another one with --workdir");
  }
  return absolute;
}

/// What execve(2) takes. It would fail after the old system is gone.
void check_size(const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment) {
  constexpr std::size_t longest = 32U * 4096U;     // MAX_ARG_STRLEN, with its NUL
  constexpr std::size_t together = 2U * 1048576U;  // a quarter of the stack's limit
  constexpr std::size_t reserved = longest;        // what the payload adds, and the kernel
  constexpr const char* mend = "give the program a file to read instead";
  std::size_t size = reserved;
  for (const auto* texts : {&arguments, &environment}) {
    for (const auto& text : *texts) {
      if (text.size() >= longest) {
        throw Failure((texts == &arguments ? "an argument of " : "a variable of ") +
                          std::to_string(text.size()) +
                          " bytes is longer than the kernel allows: " + text.substr(0, 40) + "…",
                      mend);
      }
      size += text.size() + 1 + sizeof(char*);
    }
  }
  if (size > together) {
    throw Failure("the arguments and variables have " + std::to_string(size - reserved) +
                      " bytes, more than the kernel allows",
                  mend);
  }
}

}  // namespace

std::vector<std::string> combine(const ImageConfig& image,
                                 const std::vector<std::string>& command) {
  std::vector<std::string> result = image.entrypoint;
  const auto& rest = command.empty() ? image.cmd : command;
  result.insert(result.end(), rest.begin(), rest.end());
  return result;
}

std::vector<std::string> environment(const ImageConfig& image, const std::string& home) {
  std::vector<std::string> result = image.env;
  if (value_of(result, "PATH").empty()) {
    std::erase_if(result, [](const auto& variable) { return variable.starts_with("PATH="); });
    result.push_back(std::string("PATH=") + default_path);
  }
  if (value_of(result, "HOME").empty()) {
    std::erase_if(result, [](const auto& variable) { return variable.starts_with("HOME="); });
    result.push_back("HOME=" + home);
  }
  return result;
}

std::vector<std::string> without_container(std::vector<std::string> environment) {
  std::erase_if(environment, [](const auto& variable) {
    return variable == "container" || variable.starts_with("container=");
  });
  return environment;
}

bool is_init(const std::string& executable, const std::string& canonical,
             const std::vector<std::string>& arguments) {
  if (names_an_init(executable) || names_an_init(canonical)) return true;
  return is_busybox(executable) && arguments.size() > 1 && arguments[1] == "init";
}

namespace {

/// What was unpacked as a root filesystem is something else.
bool holds_an_image(int root_fd) {
  return canonical_beneath(root_fd, "/manifest.json") || canonical_beneath(root_fd, "/oci-layout");
}

}  // namespace

Command find_command(int root_fd, const ImageConfig& image, const std::vector<std::string>& command,
                     const std::string& user) {
  Command result;
  result.arguments = combine(image, command);
  if (result.arguments.empty()) {
    if (!canonical_beneath(root_fd, default_init)) {
      throw Failure(
          std::string("the image does not say what to start, and it has no ") + default_init,
          holds_an_image(root_fd) ? "this is the archive of an image, and no root filesystem: name "
                                    "it with docker-archive:, oci-archive: or oci:"
                                  : "add a COMMAND");
    }
    result.arguments = {default_init};
  }
  const User owner = user.empty() ? User{{}, "/root"} : find_user(root_fd, user);
  result.credentials = owner.credentials;
  result.environment = environment(image, owner.home);
  check_size(result.arguments, result.environment);
  result.working_directory = make_working_directory(root_fd, image.working_directory);
  result.executable =
      find_executable(root_fd, result.arguments.front(), value_of(result.environment, "PATH"),
                      result.working_directory);
  check_executable(root_fd, result.executable, result.working_directory);
  if (!user.empty()) check_permission(root_fd, result.executable, user, result.credentials);
  result.canonical = canonical_beneath(root_fd, result.executable).value_or(result.executable);
  result.is_init = is_init(result.executable, result.canonical, result.arguments);
  return result;
}

}  // namespace dboot::rootfs
