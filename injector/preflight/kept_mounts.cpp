#include "injector/preflight/kept_mounts.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <system_error>

#include "injector/failure.hpp"
#include "injector/network/keeping.hpp"
#include "injector/report.hpp"
#include "shared/devices/device_graph.hpp"
#include "shared/devices/lasting.hpp"
#include "shared/log/destination.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::kept_mounts {
namespace {

constexpr const char* list_of_mounts = "findmnt lists the mounts";

/// A program of the old system, which ends with it.
bool has_a_program(const Mount& mount) {
  return mount.type == "fuse" || mount.type == "fuseblk" || mount.type.starts_with("fuse.");
}

/// For a mount that cannot be kept where it is.
std::string keep_it_elsewhere(const std::string& path) {
  const auto other = "/mnt/" + std::filesystem::path(path).filename().string();
  return "mount it in another place, too, and keep that: mkdir -p " + other + " && mount --rbind " +
         path + ' ' + other;
}

void refuse_what_the_new_system_has(const std::string& path) {
  if (path == "/")
    throw Failure("the root itself cannot be kept",
                  "name a mount point below it; --copy takes files along");
  for (const auto* name : layout::mount_points) {
    const auto own = std::string("/").append(name);
    if (!lies_in(path, own)) continue;
    throw Failure(joined({path, "cannot be kept: the new system has a", own, "of its own"}, " "),
                  path == own || own != "/run" ? "leave it out" : keep_it_elsewhere(path));
  }
}

/// Of what is no mount point.
std::string what_to_name(const std::string& path, const MountTable& mounts) {
  auto above = std::filesystem::path(path).parent_path();
  while (above != "/" && mounted_at(mounts, above.string()) == nullptr) above = above.parent_path();
  const std::string copy = "--copy takes files along";
  if (above == "/") return std::string(list_of_mounts) + "; " + copy;
  return "it lies on " + above.string() + ": --keep " + above.string() + "; or " + copy;
}

const Mount& mount_to_keep(const std::string& path, const MountTable& mounts) {
  refuse_what_the_new_system_has(path);
  const auto* const mount = mounted_at(mounts, path);
  if (mount == nullptr)
    throw Failure(path + " is no mount point, and only what is mounted can be kept",
                  what_to_name(path, mounts));
  if (mount->type == "autofs")
    throw Failure("nothing is mounted on " + path + " yet: autofs waits for somebody to look",
                  "ls " + path);
  if (has_a_program(*mount))
    throw Failure(path + " cannot be kept: the program behind it (" + mount->type +
                      ") ends with the old system",
                  "mount it in the new system");
  return *mount;
}

/// Of a mount that is kept.
Remark of_filesystem(const DeviceGraph::Use& use, const std::string& where, bool is_root) {
  if (is_root)
    return {"the old root's disk stays in use, for it lies on the filesystem of that", where,
            "move it to another disk, or leave --keep out", true};
  return {"it lies in a file of " + use.text() + ", which stays in use, too", where,
          "keep that as well: --keep " + use.where, false};
}

/// Filesystems that it needs, and that are not kept themselves.
void remark_on_what_it_lies_on(const Mount& mount, const Storage& storage, const DeviceGraph& graph,
                               const std::set<int>& kept, std::vector<Remark>& remarks) {
  const auto* const root = mounted_at(storage.mounts, "/");
  const auto of_root = root == nullptr ? std::vector<std::string>() : graph.devices_of(*root);
  const auto own = graph.devices_of(mount);
  std::set<std::vector<std::string>> kept_filesystems;
  for (const auto& other : storage.mounts) {
    if (kept.contains(other.id) && other.type != "overlay")
      kept_filesystems.insert(graph.devices_of(other));
  }
  const auto below = graph.devices_below({mount.id});
  for (const auto& use : graph.uses()) {
    if (use.kind != DeviceGraph::Kind::filesystem || use.devices.empty() ||
        !below.contains(use.devices.front()))
      continue;
    const bool is_root = use.devices == of_root;
    if (is_root || (use.devices != own && !kept_filesystems.contains(use.devices)))
      remarks.push_back(of_filesystem(use, mount.mount_point, is_root));
  }
}

/// Who answers for it in the new system.
void remark_on_servers(const Mount& mount, const DeviceGraph& graph, bool network_is_kept,
                       std::vector<Remark>& remarks) {
  if (mount.type == "autofs" || has_a_program(mount)) {
    remarks.push_back(
        {"it does not answer in the new system, for its program ends with the old one",
         mount.mount_point, "umount " + mount.mount_point, false});
    return;
  }
  if (network_is_kept) return;
  bool is_remote = has_a_server(mount.type) && mount.type != "9p" && mount.type != "virtiofs";
  for (const auto& name : graph.devices_below({mount.id})) {
    const auto lasts = lasting(*graph.find(name));
    if (lasts && !lasts->keeps_what_is_below) is_remote = true;
  }
  if (is_remote)
    remarks.push_back({"its server must be reachable in the new system", mount.mount_point,
                       "--keep-network yes", false});
}

/// Where its links lead to below `root`.
std::string path_of(int root, const std::string& wanted) {
  const auto refuse = [&](const std::string& why) {
    throw Failure("cannot keep " + wanted + ": " + why, list_of_mounts);
  };
  const auto fd = sys::try_open_at2(root, wanted, O_PATH, 0, RESOLVE_IN_ROOT);
  if (!fd) refuse(std::generic_category().message(errno));
  std::error_code error;
  auto path =
      std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd.get()), error).string();
  if (error) refuse(error.message());
  struct stat status {};
  sys::check(::fstat(fd.get(), &status), "stat ", wanted);
  if (!S_ISDIR(status.st_mode))
    throw Failure(path + " cannot be kept: it is no directory", "--copy takes files along");
  return path;
}

/// Its temporary files are not the host's (Rehearsal).
void refuse_what_a_rehearsal_hides(const std::string& path) {
  for (const auto* const hidden : {"/tmp", "/var/tmp"}) {
    if (lies_in(path, hidden))
      throw Failure("a rehearsal does not have what is in " + std::string(hidden) +
                        ", and cannot keep " + path + " as a takeover does",
                    "rehearse without it");
  }
}

void refuse_hidden_files(const Options& options, const std::vector<std::string>& kept) {
  for (const auto& copy : options.host_files.copies) refuse_hidden("--copy", copy.to, kept);
  for (const auto& text : options.log_to) {
    const auto destination = log::parse_destination(text);
    if (destination && destination->kind == log::Destination::Kind::file)
      refuse_hidden("--log-to", destination->name, kept);
  }
}

std::string what_is_in_the_way(int parent, const std::string& name,
                               const std::filesystem::path& way, int error) {
  std::array<char, PATH_MAX> target{};
  const auto length = ::readlinkat(parent, name.c_str(), target.data(), target.size());
  if (length >= 0)
    return "the image's " + way.string() + " is a link to " +
           std::string(target.data(), static_cast<std::size_t>(length));
  if (error == ENOTDIR) return "the image's " + way.string() + " is no directory";
  return std::generic_category().message(error);
}

}  // namespace

std::vector<std::string> chosen(const std::vector<std::string>& wanted, const MountTable& mounts) {
  std::vector<std::string> found;
  found.reserve(wanted.size());
  for (const auto& path : wanted) found.push_back(mount_to_keep(path, mounts).mount_point);
  std::sort(found.begin(), found.end());
  std::vector<std::string> outermost;
  for (auto& path : found) {
    const bool is_in_another =
        std::any_of(outermost.begin(), outermost.end(),
                    [&](const std::string& other) { return lies_in(path, other); });
    if (!is_in_another) outermost.push_back(std::move(path));
  }
  return outermost;
}

std::vector<Remark> remarks_on(const std::vector<std::string>& chosen, const Storage& storage,
                               bool network_is_kept) {
  const DeviceGraph graph(storage);
  const auto kept = moved_along(storage.mounts, chosen);
  std::vector<Remark> remarks;
  for (const auto& mount : storage.mounts) {
    if (!kept.contains(mount.id)) continue;
    remark_on_what_it_lies_on(mount, storage, graph, kept, remarks);
    remark_on_servers(mount, graph, network_is_kept, remarks);
  }
  return remarks;
}

void refuse_hidden(std::string_view what, const std::string& path,
                   const std::vector<std::string>& kept) {
  for (const auto& directory : kept) {
    if (lies_in(path, directory))
      throw Failure(joined({std::string(what), "is", path + ", which", directory,
                            "hides in the new system, for that is kept"},
                           " "),
                    "take another path");
  }
}

Kept find(const Options& options) {
  Kept kept;
  if (options.keep.empty()) return kept;
  // Who has mounts of its own, as a service may have, means those of PID 1.
  const std::string process = options.rehearse ? "self" : "1";
  const auto storage = read_storage(process);
  const auto own = read_mount_table();
  const UniqueFd root = sys::open("/proc/" + process + "/root", O_PATH | O_DIRECTORY);
  std::vector<std::string> paths;
  for (const auto& wanted : options.keep) {
    if (mounted_at(storage.mounts, wanted) == nullptr && mounted_at(own, wanted) != nullptr)
      throw Failure(wanted + " cannot be kept: it is mounted for this process, and not for PID 1",
                    "mount it there, too: nsenter --mount=/proc/1/ns/mnt mount …");
    const auto path = path_of(root.get(), wanted);
    if (options.rehearse) refuse_what_a_rehearsal_hides(path);
    paths.push_back(path);
  }
  kept.mount_points = chosen(paths, storage.mounts);
  refuse_hidden_files(options, kept.mount_points);
  kept.remarks = remarks_on(kept.mount_points, storage, network::is_kept(options));
  for (const auto& remark : kept.remarks) {
    if (options.require_release && remark.keeps_old_root)
      throw Failure(remark.where + " cannot be kept with --require-release: " + remark.what,
                    remark.mend);
  }
  return kept;
}

void require_still(const std::vector<std::string>& mount_points) {
  if (!mount_points.empty()) chosen(mount_points, read_mount_table());
}

void warn(const std::vector<Remark>& remarks) {
  for (const auto& remark : remarks)
    report::warning(
        "a mount that is kept has a drawback",
        {{"mount", remark.where}, {"reason", remark.what}, {log::mend_key, remark.mend}});
}

void make_places(int root, const std::vector<std::string>& mount_points) {
  constexpr std::uint64_t as_they_are = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  for (const auto& path : mount_points) {
    UniqueFd parent = sys::try_open_at2(root, ".", O_PATH | O_DIRECTORY, 0, as_they_are);
    std::filesystem::path way("/");
    for (const auto& name : std::filesystem::path(path).relative_path()) {
      way /= name;
      const bool is_new = ::mkdirat(parent.get(), name.c_str(), 0755) == 0;
      UniqueFd child;
      if (is_new || errno == EEXIST)
        child = sys::try_open_at2(parent.get(), name, O_RDONLY | O_DIRECTORY, 0, as_they_are);
      if (!child)
        throw Failure("cannot make " + path + " in the new root, to keep what is mounted there: " +
                          what_is_in_the_way(parent.get(), name, way, errno),
                      keep_it_elsewhere(path));
      // Whatever the umask.
      if (is_new) sys::check(::fchmod(child.get(), 0755), "chmod ", way.string());
      parent = std::move(child);
    }
    if (!entries_of(parent.get(), path).empty())
      report::warning("what the image has there is hidden by what is kept", {{"mount", path}});
  }
}

}  // namespace dboot::kept_mounts
