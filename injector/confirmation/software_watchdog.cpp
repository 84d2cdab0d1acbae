#include "injector/confirmation/software_watchdog.hpp"

#include <fcntl.h>
#include <sys/utsname.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "injector/from_host/modules.hpp"
#include "injector/report.hpp"
#include "injector/stream/bounded_stream.hpp"
#include "injector/stream/decompress.hpp"
#include "injector/stream/file_stream.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::software_watchdog {
namespace {

constexpr const char* module_name = "softdog";

std::string directory_of_modules() {
  utsname names{};
  sys::check(::uname(&names), "uname");
  return std::string("/lib/modules/") + names.release + '/';
}

/// The module itself last.
std::vector<std::string> files_of_module(const std::string& directory) {
  const rootfs::modules::Dependencies dependencies(
      sys::read_file_or_empty(directory + "modules.dep"));
  const auto files = dependencies.files_for({module_name});
  std::vector<std::string> sorted(files.begin(), files.end());
  std::stable_partition(sorted.begin(), sorted.end(), [](const std::string& file) {
    return rootfs::modules::name_of(file) != module_name;
  });
  return sorted;
}

void copy(const std::string& path, int directory, const std::string& name) {
  constexpr std::uint64_t largest = 16UL * 1024 * 1024;
  const auto stream =
      bounded_stream(decompress(file_stream(sys::open(path, O_RDONLY), path), path), largest, path);
  const UniqueFd file = sys::open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  for (auto bytes = stream->next(); !bytes.empty(); bytes = stream->next())
    sys::write_all(file.get(), {bytes.data(), bytes.size()});
}

}  // namespace

bool is_needed() {
  std::error_code error;
  return std::filesystem::is_empty("/sys/class/watchdog", error) || error;
}

bool is_there() {
  return !files_of_module(directory_of_modules()).empty();
}

void stage(const UniqueFd& directory) {
  const auto modules = directory_of_modules();
  try {
    char number = '1';
    for (const auto& file : files_of_module(modules)) {
      copy(modules + file, directory.get(),
           std::string{number, '-'} + rootfs::modules::name_of(file));
      ++number;
    }
  } catch (const std::exception& error) {
    report::warning("no watchdog in software", {{"reason", error.what()}});
  }
}

}  // namespace dboot::software_watchdog
