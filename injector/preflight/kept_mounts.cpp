#include "injector/preflight/kept_mounts.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "injector/failure.hpp"
#include "injector/report.hpp"
#include "shared/devices/device_graph.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::kept_mounts {
namespace {

constexpr const char* list_of_mounts = "findmnt lists the mounts";

/// A program of the old system, which ends with it.
bool has_a_program(const Mount& mount) {
  return mount.type == "fuse" || mount.type == "fuseblk" || mount.type.starts_with("fuse.");
}

void refuse_what_the_new_system_has(const std::string& path) {
  if (path == "/")
    throw Failure("the root itself cannot be kept",
                  "name a mount point below it; --copy takes files along");
  for (const auto* name : layout::mount_points) {
    const auto own = std::string("/").append(name);
    if (lies_in(path, own))
      throw Failure(path + " cannot be kept: the new system has a " + own + " of its own",
                    "mount it elsewhere before: mount --move " + path + " DIRECTORY");
  }
}

const Mount& mount_to_keep(const std::string& path, const MountTable& mounts) {
  refuse_what_the_new_system_has(path);
  const auto* const mount = mounted_at(mounts, path);
  if (mount == nullptr)
    throw Failure(path + " is no mount point, and only what is mounted can be kept",
                  std::string(list_of_mounts) + "; --copy takes files along");
  if (mount->type == "autofs")
    throw Failure("nothing is mounted on " + path + " yet: autofs waits for somebody to look",
                  "ls " + path);
  if (has_a_program(*mount))
    throw Failure(path + " cannot be kept: the program behind it (" + mount->type +
                      ") ends with the old system",
                  "mount it in the new system");
  return *mount;
}

bool is_kept(const Mount& mount, const std::vector<std::string>& chosen) {
  return std::any_of(chosen.begin(), chosen.end(), [&](const std::string& directory) {
    return lies_in(mount.mount_point, directory);
  });
}

/// Those that the root's filesystem lies on itself.
std::vector<std::string> devices_of_root(const DeviceGraph& graph) {
  for (const auto& use : graph.uses()) {
    if (use.where == "/") return use.devices;
  }
  return {};
}

Remark of_root(const std::string& where) {
  return {"the old root's disk stays in use: what is kept lies on its filesystem", where,
          "--copy takes files along instead"};
}

}  // namespace

std::vector<std::string> chosen(const std::vector<std::string>& wanted, const MountTable& mounts) {
  std::vector<std::string> found;
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
  const auto root = devices_of_root(graph);
  std::vector<Remark> remarks;
  for (const auto& mount : storage.mounts) {
    if (!is_kept(mount, chosen)) continue;
    const auto& where = mount.mount_point;
    const auto below = graph.devices_below([&](const Mount& one) { return one.id == mount.id; });
    if (std::any_of(root.begin(), root.end(),
                    [&](const std::string& device) { return below.contains(device); }))
      remarks.push_back(of_root(where));
    if (mount.type == "overlay")
      remarks.push_back({"what an overlay that is kept is made of stays in use", where,
                         "--copy takes files along instead"});
    if (mount.type == "autofs" || has_a_program(mount)) {
      remarks.push_back({"does not answer in the new system: its program ends with the old one",
                         where, "umount " + where});
    } else if (has_a_server(mount.type) && mount.type != "9p" && mount.type != "virtiofs" &&
               !network_is_kept) {
      remarks.push_back({"what is kept has a server, which must be reachable in the new system",
                         where, "--keep-network yes"});
    }
  }
  return remarks;
}

std::vector<std::string> find(const std::vector<std::string>& wanted, const std::string& process,
                              bool network_is_kept) {
  if (wanted.empty()) return {};
  std::vector<std::string> paths;
  for (const auto& path : wanted) {
    std::error_code error;
    paths.push_back(std::filesystem::canonical(path, error).string());
    if (error) throw Failure("cannot keep " + path + ": " + error.message(), list_of_mounts);
  }
  const auto storage = read_storage(process);
  auto mount_points = chosen(paths, storage.mounts);
  for (const auto& [what, where, mend] : remarks_on(mount_points, storage, network_is_kept))
    report::warning(what, {{"mount", where}, {log::mend_key, mend}});
  return mount_points;
}

void make_places(int root, const std::vector<std::string>& mount_points) {
  constexpr std::uint64_t as_they_are = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  for (const auto& path : mount_points) {
    UniqueFd parent = sys::try_open_at2(root, ".", O_PATH | O_DIRECTORY, 0, as_they_are);
    for (const auto& name : std::filesystem::path(path).relative_path()) {
      const bool is_made = ::mkdirat(parent.get(), name.c_str(), 0755) == 0 || errno == EEXIST;
      UniqueFd child;
      if (is_made)
        child = sys::try_open_at2(parent.get(), name, O_PATH | O_DIRECTORY, 0, as_they_are);
      if (!child)
        throw Failure("cannot make " + path + " in the new root, to keep what is mounted there: " +
                          (errno == ELOOP ? "the image has a link on the way to it"
                                          : std::generic_category().message(errno)),
                      "take an image with a directory there, or with nothing");
      parent = std::move(child);
    }
  }
}

}  // namespace dboot::kept_mounts
