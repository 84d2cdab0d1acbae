#pragma once

#include <string>
#include <vector>

#include "injector/from_host/from_host.hpp"
#include "injector/image/source.hpp"
#include "injector/options.hpp"
#include "injector/staging.hpp"
#include "shared/plan/plan.hpp"

/// The system that is to come: its root, and how it is started.
namespace dboot::new_system {

struct Prepared {
  Plan plan;
  std::vector<rootfs::Taken> from_host;
  std::string resolv_conf;  ///< the host's
};

/// Fills the new root, and makes the plan for it: all but what is kept of network and ssh, and the
/// hooks. `kept`: mount points that are carried over. What comes from the host is read before
/// anything enters another namespace. Throws Failure.
Prepared prepare(const Options& options, image::Source& source, const rootfs::FromHost& from_host,
                 Staging& staging, const std::vector<std::string>& kept, Scope scope);

}  // namespace dboot::new_system
