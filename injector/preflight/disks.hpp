#pragma once

#include <string>
#include <vector>

/// Whether the old system's disks would come free.
namespace dboot::disks {

/// Throws Failure when something that the takeover does not take apart keeps one of them, or when
/// that cannot be known. `kept`: mount points, whose disks stay in use.
void require_release(const std::vector<std::string>& kept);

}  // namespace dboot::disks
