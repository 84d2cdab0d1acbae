#include "injector/kernel_panic.hpp"

#include <exception>
#include <string>

#include "injector/report.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

constexpr const char* path = "/proc/sys/kernel/panic";

void write(int value) noexcept {
  try {
    sys::write_file(path, std::to_string(value));
  } catch (const std::exception& error) {
    report::debug("kernel.panic stays as it is", {{"reason", error.what()}});
  }
}

}  // namespace

KernelPanic::KernelPanic() noexcept {
  if (sys::read_file_or_empty(path) == "0\n") previous_ = 0;
}

void KernelPanic::set() const noexcept {
  if (previous_) write(10);
}

void KernelPanic::restore() const noexcept {
  if (previous_) write(*previous_);
}

}  // namespace dboot
