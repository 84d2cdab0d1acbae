#include "injector/command/executable.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "injector/command/elf.hpp"
#include "injector/failure.hpp"
#include "injector/unpack/beneath.hpp"
#include "injector/unpack/hidden.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

constexpr int deepest_script = 4;        // exec_binprm in the kernel's fs/exec.c
constexpr std::size_t first_line = 256;  // BINPRM_BUF_SIZE, execve(2)

[[noreturn]] void cannot_run(const std::string& path, const std::string& why,
                             const std::string& mend) {
  throw Failure("cannot run " + path + " of the image: " + why, mend, exit_status::cannot_run);
}

/// What keeps a file from being executed; empty when nothing does.
std::string obstacle(int root_fd, const std::string& path) {
  const UniqueFd fd = try_open_beneath(root_fd, path, O_PATH);
  if (!fd) return ::strerrordesc_np(errno);
  struct stat status {};
  sys::check(::fstat(fd.get(), &status), "stat ", path);
  if (S_ISDIR(status.st_mode)) return "it is a directory";
  if (!S_ISREG(status.st_mode)) return "it is no regular file";
  if ((status.st_mode & 0111U) == 0) return "it is not executable";
  if (const auto hidden = hidden_below(root_fd, path); !hidden.empty())
    return "it is hidden by what the new system mounts on " + hidden;
  return {};
}

std::string below(const std::string& directory, const std::string& name) {
  if (name.starts_with('/')) return name;
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

bool exists(int root_fd, const std::string& path) {
  return static_cast<bool>(try_open_beneath(root_fd, path, O_PATH));
}

std::string read_first_line(int fd, const std::string& path) {
  std::array<char, first_line> buffer{};
  const auto size = sys::check(::pread(fd, buffer.data(), buffer.size(), 0), "read ", path);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  return std::string(text.substr(0, text.find('\n')));
}

/// The interpreter of a `#!` line; empty when it is none.
std::string script_interpreter(std::string_view line) {
  if (!line.starts_with("#!")) return {};
  line.remove_prefix(2);
  const auto begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  line.remove_prefix(begin);
  return std::string(line.substr(0, line.find_first_of(" \t\0", 0, 3)));
}

void check_elf(int root_fd, const std::string& path, const elf::Program& program) {
  if (!elf::is_native(program)) {
    cannot_run(path,
               "it is a " + elf::describe(program) + " program, and this machine runs " +
                   elf::describe(elf::native()),
               "take an image that was built for this machine");
  }
  if (program.interpreter.empty()) return;
  const std::string why = obstacle(root_fd, program.interpreter);
  if (why.empty()) return;
  cannot_run(path, "its ELF interpreter " + program.interpreter + ": " + why,
             "add the dynamic linker and libraries to the image, or link the program statically");
}

void check_format(int root_fd, const std::string& path, const std::string& working_directory,
                  int depth) {
  const UniqueFd fd = open_beneath(root_fd, path, O_RDONLY);
  try {
    if (const auto program = elf::read(fd.get())) return check_elf(root_fd, path, *program);
  } catch (const elf::Error& error) {
    cannot_run(path, error.what(), "replace the file in the image");
  }
  const std::string interpreter = script_interpreter(read_first_line(fd.get(), path));
  if (interpreter.empty()) {
    cannot_run(path, "it is neither an ELF program nor a script that begins with #!",
               "name a program, or a shell and the script");
  }
  if (depth == deepest_script) {
    cannot_run(path, "too many scripts interpret each other", "name a program");
  }
  const std::string program = below(working_directory, interpreter);
  if (const std::string why = obstacle(root_fd, program); !why.empty()) {
    cannot_run(path, "its interpreter " + interpreter + ": " + why,
               "add the interpreter to the image");
  }
  check_format(root_fd, program, working_directory, depth + 1);
}

}  // namespace

std::string find_executable(int root_fd, const std::string& name, const std::string& search_path,
                            const std::string& working_directory) {
  const auto not_found = [&](const std::string& where) {
    const char* mend = "name a program of the image, with its path";
    if (name.starts_with('-')) mend = "put options before IMAGE: behind it a program is named";
    if (name.find(' ') != std::string::npos)
      mend = "write it without quotes around all of it, or as: sh -c '…'";
    throw Failure("there is no '" + name + "' in the image" + where, mend, exit_status::not_found);
  };
  if (name.find('/') != std::string_view::npos) {
    std::string path = below(working_directory, name);
    if (!exists(root_fd, path)) not_found("");
    return path;
  }
  std::string there;
  std::string_view rest = search_path;
  while (!name.empty()) {
    const auto colon = rest.find(':');
    std::string path = below(below(working_directory, std::string(rest.substr(0, colon))), name);
    if (exists(root_fd, path)) {
      if (obstacle(root_fd, path).empty()) return path;
      if (there.empty()) there = path;
    }
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  if (there.empty()) not_found(": PATH is " + search_path);
  return there;
}

void check_executable(int root_fd, const std::string& path, const std::string& working_directory) {
  if (const std::string why = obstacle(root_fd, path); !why.empty()) {
    cannot_run(path, why, "name a program of the image");
  }
  check_format(root_fd, path, working_directory, 0);
}

}  // namespace dboot::rootfs
