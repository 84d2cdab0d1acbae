#include "payload/run_phase.hpp"

#include <exception>
#include <utility>

#include "shared/log/log.hpp"

namespace dboot {

Task<> run_phase(std::string_view name, Task<> work) {
  const auto began = log::monotonic_now();
  log::set_phase(name);
  log::info("started");
  try {
    co_await std::move(work);
  } catch (const std::exception& error) {
    log::error("failed", {{"reason", error.what()}, {"duration", log::monotonic_now() - began}});
    throw;
  }
  log::info("finished", {{"duration", log::monotonic_now() - began}});
}

}  // namespace dboot
