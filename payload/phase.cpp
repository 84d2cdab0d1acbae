#include "payload/phase.hpp"

#include <exception>

#include "shared/log.hpp"

namespace dboot {

Phase::Phase(std::string_view name)
    : began_(log::monotonic_now()), exceptions_(std::uncaught_exceptions()) {
  log::set_phase(name);
  log::info("started");
}

Phase::~Phase() {
  if (std::uncaught_exceptions() > exceptions_) return;
  log::info("finished", {{"duration", log::monotonic_now() - began_}});
}

}  // namespace dboot
