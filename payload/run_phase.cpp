#include "payload/run_phase.hpp"

#include <exception>
#include <stdexcept>
#include <utility>

namespace dboot {

Task<> run_phase(Context& context, std::string_view name, Task<> work) {
  auto& log = context.log;
  const auto began = log::monotonic_now();
  log.begin_phase(name);
  try {
    co_await std::move(work);
  } catch (const std::exception& error) {
    log.error("failed", {{"reason", error.what()}, {"duration", log::monotonic_now() - began}});
    throw;
  } catch (...) {
    log.error("failed", {{"reason", "what was thrown is no std::exception"},
                         {"duration", log::monotonic_now() - began}});
    throw std::runtime_error("what was thrown is no std::exception");
  }
  log.info("finished", {{"duration", log::monotonic_now() - began}});
}

}  // namespace dboot
