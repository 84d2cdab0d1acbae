#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/proc/process_status.hpp"

/// Addresses that a host has only for as long as it is the one of a cluster that shall have them:
/// another host takes them over when it ends, and two owners are worse than none.
namespace dboot::network {

/// Those in the blocks virtual_ipaddress and virtual_ipaddress_excluded of a keepalived.conf(5).
/// Pure, as are the others.
std::vector<std::string> addresses_of_keepalived(std::string_view configuration);
/// Those of resources of the agents IPaddr and IPaddr2 in a cib.xml of Pacemaker.
std::vector<std::string> addresses_of_pacemaker(std::string_view cib);
/// Those in public_addresses of ctdb(7).
std::vector<std::string> addresses_of_ctdb(std::string_view public_addresses);
/// That of the option --addr of ucarp(8), in a command line as /proc/PID/cmdline has it.
std::vector<std::string> addresses_of_ucarp(std::string_view command_line);

/// The file that keepalived(8) reads, by its command line as /proc/PID/cmdline has it.
std::string configuration_of_keepalived(std::string_view command_line);

/// Of those daemons of root that run in the network namespace of the caller, by what they have been
/// told.
std::vector<std::string> cluster_addresses(const std::vector<ProcessStatus>& processes);

}  // namespace dboot::network
