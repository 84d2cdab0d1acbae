#pragma once

#include <optional>
#include <string>
#include <vector>

#include "injector/image/image_config.hpp"
#include "shared/plan/plan.hpp"

/// What is started in the new root.
namespace dboot::rootfs {

struct Command {
  std::string executable;              ///< to execute; absolute, inside the root
  std::string canonical;               ///< the same without symlinks
  std::vector<std::string> arguments;  ///< argv[0] as it was given
  std::vector<std::string> environment;
  std::string working_directory;  ///< absolute, inside the root
  Credentials credentials;
  bool is_init = false;  ///< wants to be PID 1 itself
};

/// Entrypoint and Cmd, with COMMAND in the place of Cmd, as `docker run` combines them. Empty when
/// nobody says anything.
std::vector<std::string> combine(const ImageConfig& image, const std::vector<std::string>& command);

/// The image's variables, and PATH and HOME where it does not set them.
std::vector<std::string> environment(const ImageConfig& image, const std::string& home);

/// Without `container`, which would make systemd on a machine believe that it is in one.
std::vector<std::string> without_container(std::vector<std::string> environment);

/// True when the program is an init: by its name, by the name of what its link points to, or as the
/// applet of a busybox. `canonical` is the path without symlinks.
bool is_init(const std::string& executable, const std::string& canonical,
             const std::vector<std::string>& arguments);

/// Finds what is to be started below `root_fd` and checks that it can run there: it is an
/// executable file, for this machine, and its interpreters are in the image. The working directory
/// is created where it is missing. `user` is who executes it, "user[:group]"; root where it is
/// empty, whatever the image's User is. Throws Failure with status 127 for what is not there, 126
/// for what cannot run, and 125 when there is nothing to start or no such user.
Command find_command(int root_fd, const ImageConfig& image, const std::vector<std::string>& command,
                     const std::string& user = {});

}  // namespace dboot::rootfs
