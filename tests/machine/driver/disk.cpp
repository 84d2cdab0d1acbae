#include "tests/machine/driver/disk.hpp"

#include <fcntl.h>

#include <filesystem>
#include <stdexcept>

#include "shared/system/syscalls.hpp"
#include "tests/machine/driver/files.hpp"

namespace dboot::machine::disk {
namespace {

void run_qemu_img(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "qemu-img");
  const auto ran = run_program(arguments);
  if (ran.status != 0) throw std::runtime_error("qemu-img: " + ran.text);
}

}  // namespace

void make_overlay(const std::string& base, const std::string& file) {
  const auto below = std::filesystem::canonical(base).string();
  run_qemu_img({"create", "-q", "-f", "qcow2", "-b", below, "-F", format_of(below), file});
}

void make_empty(const std::string& file, const std::string& size) {
  run_qemu_img({"create", "-q", "-f", "qcow2", file, size});
}

std::string format_of(const std::string& file) {
  constexpr std::string_view magic = "QFI\xfb";
  std::string start(magic.size(), '\0');
  const UniqueFd fd = sys::open(file, O_RDONLY);
  const auto size = sys::check(::pread(fd.get(), start.data(), start.size(), 0), "read ", file);
  start.resize(static_cast<std::size_t>(size));
  return start == magic ? "qcow2" : "raw";
}

Output check_root(const std::string& disk) {
  const files::Scratch copy(files::artefact("checked-disk"));
  // Who writes to it has stopped, or has it still open (-U).
  run_qemu_img({"convert", "-U", "-O", "raw", disk, copy.path()});
  return run_program({"e2fsck", "-n", "-f", copy.path() + "?offset=1048576"});
}

}  // namespace dboot::machine::disk
