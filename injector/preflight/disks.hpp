#pragma once

/// Whether the old system's disks would come free.
namespace dboot::disks {

/// Throws Failure when something that the takeover does not take apart keeps one of them, or when
/// that cannot be known.
void require_release();

}  // namespace dboot::disks
