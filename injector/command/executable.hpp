#pragma once

#include <string>

namespace dboot::rootfs {

/// The path, inside the root, of the program that is called `name`: as execvp(3) would find it in
/// `working_directory` with this PATH. Throws Failure: status 127 when it is not there, 126 when
/// all that is there cannot be executed.
std::string find_executable(int root_fd, const std::string& name, const std::string& search_path,
                            const std::string& working_directory);

/// Throws Failure, status 126, unless the kernel of this machine can execute the file at `path`
/// inside the root: its type and mode, its format, its interpreters.
void check_executable(int root_fd, const std::string& path, const std::string& working_directory);

}  // namespace dboot::rootfs
