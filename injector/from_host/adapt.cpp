#include "injector/from_host/adapt.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <sstream>
#include <system_error>

#include "injector/failure.hpp"
#include "injector/report.hpp"
#include "injector/unpack/beneath.hpp"
#include "injector/unpack/image_file.hpp"
#include "injector/unpack/no_space.hpp"
#include "shared/plan/layout.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

constexpr const char* stub_resolv_conf = "/etc/resolv.conf";
/// The servers behind the stub: systemd-resolved.service(8), "/etc/resolv.conf".
constexpr const char* upstream_resolv_conf = "/run/systemd/resolve/resolv.conf";

bool is_local_server(std::string_view address) {
  return address.starts_with("127.") || address == "::1" || address.starts_with("::1%");
}

/// False for a link that leads nowhere.
bool leads_to(int root_fd, const std::string& path, const std::string& end) {
  try {
    const auto way = way_beneath(root_fd, path);
    return !way.empty() && way.back() == end;
  } catch (const std::system_error&) {
    return false;
  }
}

/// /run -> /var/run, from before /run was the first of both: the directory goes where the link was,
/// and the link to where the directory was.
void put_run_in_its_place(int root_fd) {
  if (!leads_to(root_fd, "run", "/var/run")) return;
  if (!try_open_beneath(root_fd, "run", O_PATH | O_DIRECTORY) && errno != ENOENT) return;
  make_directories_beneath(root_fd, "run");
  const UniqueFd var = open_beneath(root_fd, "var", O_PATH | O_DIRECTORY);
  sys::check(::renameat2(root_fd, "run", var.get(), "run", RENAME_EXCHANGE),
             "exchange /run and /var/run");
  sys::check(::unlinkat(var.get(), "run", 0), "remove /var/run");
  sys::check(::symlinkat("/run", var.get(), "run"), "link /var/run to /run");
}

/// A directory that the payload mounts on. It follows no link there: the mount would be elsewhere,
/// and two of them in one place.
void ensure_mount_point(int root_fd, const std::string& name) {
  if (::mkdirat(root_fd, name.c_str(), 0755) == 0) return;
  if (errno == ENOSPC) report_no_space(root_fd, name);
  if (errno != EEXIST) sys::fail(errno, {"create /", name});
  struct stat status {};
  sys::check(::fstatat(root_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW), "stat /", name);
  if (S_ISDIR(status.st_mode)) return;
  throw Failure("/" + name + " of the image is no directory" +
                    (S_ISLNK(status.st_mode) ? " but a symlink" : "") +
                    ": nothing can be mounted there",
                "make /" + name + " a directory in the image, or leave it out");
}

/// A directory that the image may have put behind a link (/tmp -> /var/tmp): what the link names is
/// made in its place.
void ensure_directory(int root_fd, const std::string& name, mode_t mode) {
  try {
    refuse_hidden(root_fd, name);
    if (try_open_beneath(root_fd, name, O_PATH | O_DIRECTORY)) return;
    const UniqueFd fd = make_directories_beneath(root_fd, name);
    sys::check(::fchmodat(fd.get(), ".", mode, 0), "chmod /", name);
  } catch (const std::system_error& error) {
    throw Failure("/" + name + " of the image cannot be a directory: " + error.what(),
                  "take the root filesystem of a Linux system");
  }
}

/// Docker leaves an empty file where it mounts its own on the running container.
bool is_missing_or_empty(int root_fd, const std::string& path) {
  const UniqueFd fd = try_open_beneath(root_fd, path, O_PATH);
  if (!fd) return true;
  struct stat status {};
  sys::check(::fstat(fd.get(), &status), "stat ", path);
  return S_ISREG(status.st_mode) && status.st_size == 0;
}

void write_etc(int root_fd, const std::string& name, std::string_view text) {
  write_image_file(root_fd, "etc/" + name, text, 0644);
}

void fill_in_etc(int root_fd, const std::string& name, std::string_view text,
                 std::vector<std::string>& written) {
  if (text.empty() || !is_missing_or_empty(root_fd, "etc/" + name)) return;
  write_etc(root_fd, name, text);
  written.push_back("/etc/" + name);
}

/// systemd believes to be in a container where it finds one of them (src/basic/virt.c).
void remove_container_marks(int root_fd) {
  const auto remove = [](int directory, const char* name) {
    if (::unlinkat(directory, name, 0) == 0 || errno == ENOENT) return;
    report::warning("what makes systemd believe that it is in a container stays",
                    {{"name", name}, {"reason", std::generic_category().message(errno)}});
  };
  remove(root_fd, ".dockerenv");
  const UniqueFd run = try_open_beneath(root_fd, "run", O_PATH | O_DIRECTORY);
  if (run) remove(run.get(), ".containerenv");
}

}  // namespace

bool names_only_local_servers(std::string_view resolv_conf) {
  bool any = false;
  std::istringstream lines{std::string(resolv_conf)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string keyword;
    std::string address;
    if (!(words >> keyword >> address) || keyword != "nameserver") continue;
    if (!is_local_server(address)) return false;
    any = true;
  }
  return any;
}

HostFiles read_host_files() {
  HostFiles files{sys::read_file_or_empty("/etc/hosts"), sys::read_file_or_empty(stub_resolv_conf)};
  if (!names_only_local_servers(files.resolv_conf)) return files;
  std::string upstream = sys::read_file_or_empty(upstream_resolv_conf);
  if (upstream.empty() || names_only_local_servers(upstream)) {
    report::warning(
        "the host resolves names by itself, and its servers are not known: edit "
        "/etc/resolv.conf in the new system");
    return files;
  }
  files.resolv_conf = std::move(upstream);
  return files;
}

std::vector<std::string> adapt(int root_fd, const HostFiles& host, const Adaptation& adaptation) {
  std::vector<std::string> written;
  put_run_in_its_place(root_fd);
  for (const char* name : layout::mount_points) ensure_mount_point(root_fd, name);
  ensure_directory(root_fd, "tmp", 01777);
  if (!adaptation.hostname.empty()) {
    write_etc(root_fd, "hostname", adaptation.hostname + "\n");
  }
  fill_in_etc(root_fd, "hosts", host.hosts, written);
  fill_in_etc(root_fd, "resolv.conf", host.resolv_conf, written);
  if (adaptation.machine) remove_container_marks(root_fd);
  return written;
}

}  // namespace dboot::rootfs
