#include "injector/network/write.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "injector/failure.hpp"
#include "injector/network/configuration.hpp"
#include "injector/network/formats.hpp"
#include "injector/report.hpp"
#include "injector/unpack/beneath.hpp"
#include "injector/unpack/image_file.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::network {
namespace {

bool has(int root_fd, const std::string& path) {
  return static_cast<bool>(rootfs::try_open_beneath(root_fd, path, O_PATH));
}

struct Program {
  const char* path;
  Format format;
};

constexpr std::array<Program, 6> programs{{
    {"usr/sbin/netplan", Format::netplan},
    {"usr/sbin/NetworkManager", Format::network_manager},
    {"sbin/ifup", Format::ifupdown},
    {"usr/sbin/ifup", Format::ifupdown},
    {"usr/lib/systemd/systemd-networkd", Format::networkd},
    {"lib/systemd/systemd-networkd", Format::networkd},
}};

std::vector<File> files_of(Format format, const Configuration& configuration) {
  switch (format) {
    case Format::netplan:
      return netplan_files(configuration);
    case Format::network_manager:
      return network_manager_files(configuration);
    case Format::ifupdown:
      return ifupdown_files(configuration);
    case Format::networkd:
      return networkd_files(configuration);
  }
  return {};
}

/// An image brings one that asks for leases, or names interfaces that are not here.
void keep_old_interfaces(int root_fd) {
  const UniqueFd directory = rootfs::make_directories_beneath(root_fd, "etc/network");
  if (::renameat(directory.get(), "interfaces", directory.get(), "interfaces.before-dboot") < 0 &&
      errno != ENOENT)
    sys::fail(errno, {"rename /etc/network/interfaces"});
}

bool leaves_out_a_way(const Configuration& configuration) {
  return std::any_of(configuration.left_out.begin(), configuration.left_out.end(),
                     [](std::string_view what) {
                       return what.starts_with("route ") || what.starts_with("rule ") ||
                              what.starts_with("nexthop ");
                     });
}

/// What it has not been told of is not to be taken away (networkd.conf(5)). Then it does not look
/// what there is either, and a route may be there twice: only where something would be lost.
void let_networkd_keep_the_rest(int root_fd, std::vector<std::string>& written) {
  const std::string path = "/etc/systemd/networkd.conf.d/90-dboot.conf";
  const auto text = std::string(origin) +
                    "[Network]\n"
                    "ManageForeignRoutes=no\n"
                    "ManageForeignRoutingPolicyRules=no\n"
                    "ManageForeignNextHops=no\n";
  rootfs::write_image_file(root_fd, path.substr(1), text, 0644);
  written.push_back(path);
}

/// As `systemctl enable` does.
void enable_networkd(int root_fd) {
  constexpr const char* wants = "etc/systemd/system/multi-user.target.wants";
  rootfs::refuse_hidden(root_fd, wants);
  const UniqueFd directory = rootfs::make_directories_beneath(root_fd, wants);
  constexpr const char* unit = "/lib/systemd/system/systemd-networkd.service";
  if (::symlinkat(unit, directory.get(), "systemd-networkd.service") < 0 && errno != EEXIST)
    sys::fail(errno, {"link /", wants, "/systemd-networkd.service"});
}

/// cloud-init(1) would write a network of its own, that of a new machine.
void quieten_cloud_init(int root_fd, std::vector<std::string>& written) {
  if (!has(root_fd, "etc/cloud") && !has(root_fd, "usr/bin/cloud-init")) return;
  const std::string path = "/etc/cloud/cloud.cfg.d/99-dboot.cfg";
  const auto text = std::string(origin) +
                    "network: {config: disabled}\n"
                    "ssh_deletekeys: false\n"
                    "ssh_genkeytypes: []\n"
                    "preserve_hostname: true\n";
  rootfs::write_image_file(root_fd, path.substr(1), text, 0644);
  written.push_back(path);
}

Format require_format(int root_fd) {
  if (const auto format = format_of_image(root_fd)) return *format;
  throw Failure(
      "the image has nothing that configures a network: neither netplan, NetworkManager, ifupdown "
      "nor systemd-networkd",
      "leave --write-network out: the kernel keeps the network as it is");
}

std::vector<std::string> left_out_of(const Configuration& configuration, Format format) {
  auto left_out = configuration.left_out;
  if (format != Format::netplan && format != Format::network_manager) return left_out;
  for (const auto& interface : configuration.interfaces) {
    for (const auto& neighbour : interface.neighbours)
      left_out.push_back("neighbour " + neighbour.address + " lladdr " +
                         neighbour.hardware_address + " dev " + interface.name);
  }
  return left_out;
}

std::vector<std::string> write(int root_fd, Format format, const Configuration& configuration) {
  std::vector<std::string> written;
  if (format == Format::ifupdown) keep_old_interfaces(root_fd);
  for (const auto& file : files_of(format, configuration)) {
    rootfs::write_image_file(root_fd, file.path.substr(1), file.content, file.mode);
    written.push_back(file.path);
  }
  if (format == Format::networkd) {
    if (leaves_out_a_way(configuration)) let_networkd_keep_the_rest(root_fd, written);
    enable_networkd(root_fd);
  }
  quieten_cloud_init(root_fd, written);
  return written;
}

}  // namespace

std::string_view to_string(Format format) {
  switch (format) {
    case Format::netplan:
      return "netplan";
    case Format::network_manager:
      return "NetworkManager";
    case Format::ifupdown:
      return "ifupdown";
    case Format::networkd:
      return "systemd-networkd";
  }
  return "?";
}

std::optional<Format> format_of_image(int root_fd) {
  for (const auto& [path, format] : programs) {
    // initscripts and wicked have a program of that name, too.
    const bool is_of_others = format == Format::ifupdown && has(root_fd, "etc/sysconfig/network");
    if (!is_of_others && has(root_fd, path)) return format;
  }
  return std::nullopt;
}

std::vector<std::string> write_for_image(int root_fd, const Network& recorded) {
  const auto format = require_format(root_fd);
  const auto configuration = configuration_of(recorded);
  for (const auto& what : left_out_of(configuration, format))
    report::warning("not written for the image, and kept by the kernel alone", {{"what", what}});
  if (configuration.interfaces.empty()) {
    report::warning("there is no network to write for the image");
    return {};
  }
  try {
    auto written = write(root_fd, format, configuration);
    report::info("network written for the image",
                 {{"format", to_string(format)}, {"files", joined(written, " ")}});
    return written;
  } catch (const std::system_error& error) {
    throw Failure(std::string("the network cannot be written for the image: ") + error.what(),
                  "leave --write-network out: the kernel keeps the network as it is");
  }
}

}  // namespace dboot::network
