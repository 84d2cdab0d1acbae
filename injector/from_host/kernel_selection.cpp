#include "injector/from_host/kernel_selection.hpp"

#include <fcntl.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "injector/from_host/firmware.hpp"
#include "injector/from_host/modules.hpp"
#include "injector/report.hpp"
#include "injector/unpack/beneath.hpp"
#include "injector/unpack/entry_writer.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

constexpr const char* index_file = "modules.dep";

bool is_index(const std::string& file) {
  return file.starts_with("modules.") && file.find('/') == std::string::npos;
}

/// What depmod has found out; empty where it never ran.
modules::Dependencies dependencies_of(const KernelFiles& kernel) {
  return modules::Dependencies(sys::read_file_or_empty(kernel.modules + "/" + index_file));
}

/// The names of firmware that drivers in use may ask for.
std::set<std::string> firmware_in_use(const KernelFiles& kernel) {
  std::set<std::string> names;
  const auto add = [&](std::string_view modinfo) {
    for (auto& name : firmware::names_in(modinfo)) names.insert(std::move(name));
  };
  if (kernel.modules.empty()) return names;
  add(sys::read_file_or_empty(kernel.modules + "/modules.builtin.modinfo"));
  const UniqueFd directory = sys::open(kernel.modules, O_RDONLY | O_DIRECTORY);
  const auto loaded = modules::parse_loaded(kernel.proc_modules);
  for (const auto& file : dependencies_of(kernel).files_for(loaded)) try {
      add(firmware::modinfo_of(firmware::read_module(directory.get(), file)));
    } catch (const std::exception& error) {
      report::debug("its firmware is not known", {{"module", file}, {"reason", error.what()}});
    }
  return names;
}

/// What `names` lead to in the firmware directory, whose files are `all`, and the links on the way.
std::set<std::string> named(const std::string& directory, const std::set<std::string>& all,
                            const std::set<std::string>& names) {
  std::set<std::string> files;
  const UniqueFd root = sys::open(directory, O_RDONLY | O_DIRECTORY);
  const auto add = [&](const std::string& name) {
    const auto target = canonical_beneath(root.get(), name);
    if (!target) return;
    files.insert(clean_path(*target));
    for (auto end = name.find('/'); end != std::string::npos; end = name.find('/', end + 1))
      if (all.contains(name.substr(0, end))) files.insert(name.substr(0, end));
  };
  for (const auto& file : all)
    if (firmware::is_one_of(file, names)) {
      files.insert(file);
      add(file);
    }
  for (const auto& name : names)
    for (const char* const suffix : {"", ".xz", ".zst"}) add(name + suffix);
  std::erase_if(files, [&](const auto& file) { return !all.contains(file); });
  return files;
}

}  // namespace

KernelSelection::KernelSelection(const HostTree& source, std::set<std::string> files)
    : source_(&source), files_(std::move(files)) {
  find_directories();
}

void KernelSelection::find_directories() {
  directories_.clear();
  for (std::string path : files_)
    for (auto slash = path.rfind('/'); slash != std::string::npos; slash = path.rfind('/')) {
      path.resize(slash);
      if (!directories_.insert(path).second) break;
    }
}

KernelSelection KernelSelection::of_modules(const HostTree& source, const KernelFiles& kernel,
                                            Share share) {
  std::set<std::string> files = source.files();
  files.erase("build");
  files.erase("source");
  if (share == Share::all) return {source, std::move(files)};
  const auto dependencies = dependencies_of(kernel);
  const auto loaded = dependencies.files_for(modules::parse_loaded(kernel.proc_modules));
  std::erase_if(files, [&](const auto& file) { return !is_index(file) && !loaded.contains(file); });
  KernelSelection selection(source, std::move(files));
  // Busybox reads it. kmod reads modules.dep.bin, and says of a module that is not there just that.
  selection.modules_dep_ = dependencies.filtered(loaded);
  return selection;
}

KernelSelection KernelSelection::of_firmware(const HostTree& source, const KernelFiles& kernel,
                                             Share share) {
  std::set<std::string> files = source.files();
  if (share == Share::all) return {source, std::move(files)};
  return {source, named(kernel.firmware, files, firmware_in_use(kernel))};
}

void KernelSelection::leave_out(const std::function<bool(const std::string& file)>& unwanted) {
  std::erase_if(files_, unwanted);
  find_directories();
}

HostTree::Filter KernelSelection::filter() const {
  return [this](const std::string& path, bool is_directory) {
    return is_directory ? directories_.contains(path) : files_.contains(path);
  };
}

void KernelSelection::copy(int root_fd, const std::string& to, Progress& progress) const {
  source_->copy(root_fd, to, progress, filter());
  if (modules_dep_.empty()) return;
  EntryWriter writer(root_fd);
  writer.file(clean_path(to + "/" + index_file), {0644, 0, 0, {}, {}},
              [&](int fd) { sys::write_all(fd, modules_dep_); });
}

}  // namespace dboot::rootfs
