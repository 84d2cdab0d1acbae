#include "injector/from_host/from_host.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "injector/byte_size.hpp"
#include "injector/failure.hpp"
#include "injector/from_host/kernel_selection.hpp"
#include "injector/from_host/modules.hpp"
#include "injector/preflight/memory.hpp"
#include "injector/report.hpp"
#include "injector/unpack/beneath.hpp"
#include "injector/unpack/entry_writer.hpp"
#include "shared/proc/memory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

/// What is taken unasked leaves the rest of the memory to those who live there.
constexpr std::uint64_t unasked_share = 4;

/// Mounts of the new system hide what is there.
constexpr const char* hidden[] = {"/proc", "/sys", "/dev", "/run"};

/// The first that is there; empty when none is. NixOS has them elsewhere.
std::string first_directory(std::initializer_list<std::string> candidates) {
  for (const auto& path : candidates)
    if (std::filesystem::is_directory(path)) return path;
  return {};
}

/// What the new system would have left, bytes.
std::uint64_t free_bytes(int root_fd) {
  struct statvfs status {};
  sys::check(::fstatvfs(root_fd, &status), "statvfs of the new root");
  const std::uint64_t available = available_memory();
  const std::uint64_t spare = available > memory::headroom ? available - memory::headroom : 0;
  return std::min<std::uint64_t>(status.f_bavail * status.f_frsize, spare);
}

bool fits_unasked(std::uint64_t bytes, int root_fd) {
  return bytes <= free_bytes(root_fd) / unasked_share;
}

bool is_asked_for(Share share) {
  return share == Share::loaded || share == Share::all;
}

bool is_there(int root_fd, const std::string& path) {
  return bool(try_open_beneath(root_fd, path, O_PATH | O_NOFOLLOW));
}

}  // namespace

HostFilesWanted::Copy parse_copy(const std::string& argument) {
  if (argument.ends_with(':'))
    throw Failure("--copy " + argument + " says no PATH",
                  "say --copy HOSTPATH:PATH, PATH absolute");
  const auto colon = argument.rfind(":/");
  const bool has_target = colon != std::string::npos && colon != 0;
  if (const auto relative = argument.rfind(':'); !has_target && relative != std::string::npos)
    throw Failure(
        "--copy " + argument + ": PATH '" + argument.substr(relative + 1) + "' is not absolute",
        "say --copy " + argument.substr(0, relative) + ":/" + argument.substr(relative + 1) +
            "; a HOSTPATH with a colon in it needs a PATH behind it");
  HostFilesWanted::Copy copy;
  copy.from = has_target ? argument.substr(0, colon) : argument;
  if (copy.from.empty())
    throw Failure("--copy needs a path of this host",
                  "say --copy HOSTPATH or --copy HOSTPATH:PATH");
  namespace fs = std::filesystem;
  const fs::path to =
      has_target ? fs::path(argument.substr(colon + 1)) : fs::absolute(fs::path(copy.from));
  copy.to = to.lexically_normal().string();
  if (has_target && copy.to.ends_with('/') && copy.to != "/")
    copy.to += fs::path(copy.from).lexically_normal().filename().string();
  while (copy.to.size() > 1 && copy.to.ends_with('/')) copy.to.pop_back();
  for (const std::string top : hidden) {
    if (copy.to != top && !copy.to.starts_with(top + "/")) continue;
    throw Failure("--copy to " + copy.to + ": the new system mounts its own " + top + " over it",
                  "give it another path: --copy " + copy.from + ":PATH");
  }
  return copy;
}

KernelFiles kernel_files_of_host() {
  utsname names{};
  sys::check(::uname(&names), "uname");
  const std::string release = names.release;
  return {release,
          first_directory({"/lib/modules/" + release, "/usr/lib/modules/" + release,
                           "/run/booted-system/kernel-modules/lib/modules/" + release}),
          first_directory({"/lib/firmware", "/run/current-system/firmware"}),
          sys::read_file_or_empty("/proc/modules")};
}

FromHost::FromHost(const HostFilesWanted& wanted, KernelFiles kernel)
    : modules_share_(wanted.modules), firmware_share_(wanted.firmware), kernel_(std::move(kernel)) {
  for (const auto& [from, to] : wanted.copies) try {
      copies_.push_back({HostTree(from), to});
      bytes_ += copies_.back().from.bytes();
    } catch (const std::system_error& error) {
      throw Failure("cannot copy " + from + ": " + error.code().message(),
                    "name a file or directory of this host: --copy HOSTPATH[:PATH]");
    }
  if (modules_share_ != Share::none && !kernel_.modules.empty()) {
    modules_.emplace(kernel_.modules);
  } else if (is_asked_for(modules_share_)) {
    throw Failure("the modules of the running kernel " + kernel_.release + " are not on this host",
                  "install them, or leave --modules out");
  }
  if (firmware_share_ != Share::none && !kernel_.firmware.empty()) {
    firmware_.emplace(kernel_.firmware);
  } else if (is_asked_for(firmware_share_)) {
    throw Failure("this host has no firmware in /lib/firmware", "leave --firmware out");
  }
  if (is_asked_for(modules_share_))
    bytes_ += KernelSelection::of_modules(*modules_, kernel_, modules_share_).bytes();
  if (is_asked_for(firmware_share_))
    bytes_ += KernelSelection::of_firmware(*firmware_, kernel_, firmware_share_).bytes();
}

std::vector<Taken> FromHost::copy(int root_fd, Progress& progress) const {
  std::vector<Taken> taken;
  copy_modules(root_fd, progress, taken);
  copy_firmware(root_fd, progress, taken);
  for (const auto& [from, to] : copies_) {
    from.copy(root_fd, to, progress);
    report::info("copied from the host", {{"path", from.path()}, {"to", to}});
    taken.push_back({"file", from.path(), to, from.bytes()});
  }
  return taken;
}

void FromHost::copy_modules(int root_fd, Progress& progress, std::vector<Taken>& taken) const {
  if (!modules_) return;
  const std::string to = "/lib/modules/" + kernel_.release;
  if (is_there(root_fd, to + "/modules.dep")) {
    report::debug("the image has the modules of this kernel", {{"path", to}});
    return;
  }
  const auto take = [&](Share share) {
    auto selection = KernelSelection::of_modules(*modules_, kernel_, share);
    // Where this file is, systemd's kmod-static-nodes.service wants the program.
    if (!modules::has_kmod(root_fd))
      selection.leave_out([](const std::string& file) { return file == "modules.devname"; });
    if (modules_share_ == Share::automatic && !fits_unasked(selection.bytes(), root_fd))
      return false;
    selection.copy(root_fd, to, progress);
    report::info("kernel modules copied", {{"kernel", kernel_.release},
                                           {"which", share == Share::all ? "all" : "loaded"},
                                           {"size", byte_size(selection.bytes())}});
    taken.push_back({"kernel modules", kernel_.modules, to, selection.bytes()});
    return true;
  };
  if (modules_share_ != Share::automatic) {
    take(modules_share_);
    return;
  }
  if (!modules::are_used_by(root_fd)) return;
  if (!take(Share::all) && !take(Share::loaded))
    report::warning("the new system gets no kernel modules: they take too much memory");
}

void FromHost::copy_firmware(int root_fd, Progress& progress, std::vector<Taken>& taken) const {
  if (!firmware_) return;
  const bool automatic = firmware_share_ == Share::automatic;
  if (automatic && !modules::are_used_by(root_fd)) return;
  auto selection = KernelSelection::of_firmware(*firmware_, kernel_,
                                                automatic ? Share::loaded : firmware_share_);
  selection.leave_out(
      [&](const std::string& file) { return is_there(root_fd, "/lib/firmware/" + file); });
  const std::uint64_t bytes = selection.bytes();
  if (selection.empty()) return;
  if (automatic && !fits_unasked(bytes, root_fd)) {
    report::warning("the new system gets no firmware: it takes too much memory");
    return;
  }
  selection.copy(root_fd, "/lib/firmware", progress);
  report::info("firmware copied", {{"size", byte_size(bytes)}});
  taken.push_back({"firmware", kernel_.firmware, "/lib/firmware", bytes});
}

}  // namespace dboot::rootfs
