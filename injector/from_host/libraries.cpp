#include "injector/from_host/libraries.hpp"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>

#include "injector/command/elf.hpp"
#include "injector/failure.hpp"
#include "injector/host_program.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

/// Loaded by glibc when somebody's name is looked up, and therefore in no list; a part of libc
/// since 2.34.
constexpr const char* loaded_later = "libnss_files.so.2";

void add_what_is_loaded_later(std::vector<std::string>& paths) {
  const auto libc = std::find_if(paths.begin(), paths.end(), [](const std::string& path) {
    return path.ends_with("/libc.so.6");
  });
  if (libc == paths.end()) return;
  const auto beside = libc->substr(0, libc->rfind('/') + 1) + loaded_later;
  if (std::filesystem::exists(beside)) paths.push_back(beside);
}

}  // namespace

std::vector<std::string> paths_in_listing(std::string_view listing) {
  std::vector<std::string> paths;
  for (const auto line : lines_of(listing)) {
    auto words = words_of(line);
    // The address at which it was loaded.
    if (!words.empty() && words.back().starts_with('(')) words.pop_back();
    if (words.empty() || !words.back().starts_with('/')) continue;
    const std::string path(words.back());
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(path);
  }
  return paths;
}

std::vector<std::string> libraries_of(const std::string& program) {
  const UniqueFd fd = sys::open(program, O_RDONLY);
  const auto interpreter = elf::check_loadable(fd.get(), program).interpreter;
  if (interpreter.empty()) return {};
  const auto answer = host_program::run({interpreter, "--list", program}, std::chrono::seconds(10));
  auto paths = paths_in_listing(answer.output);
  if (answer.status != 0 || paths.empty())
    throw Failure("the loader does not find the libraries of " + program + ": " +
                      host_program::last_line(answer.errors),
                  "see what ldd " + program + " says");
  if (std::find(paths.begin(), paths.end(), interpreter) == paths.end())
    paths.push_back(interpreter);
  add_what_is_loaded_later(paths);
  return paths;
}

}  // namespace dboot::rootfs
