#include <memory>
#include <system_error>

#include "injector/command/command.hpp"
#include "injector/failure.hpp"
#include "injector/from_host/adapt.hpp"
#include "injector/progress.hpp"
#include "injector/unpack/unpack.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/memory_stream.hpp"
#include "tests/fuzz/support/scratch.hpp"
#include "tests/fuzz/support/tar_headers.hpp"

namespace {

using namespace dboot;

void prepare(const std::string& tar, int root_fd) {
  Progress progress(0);
  rootfs::unpack(std::make_unique<fuzz::MemoryStream>(tar), root_fd, progress, "input");
  rootfs::adapt(root_fd, {"127.0.0.1 localhost\n", "nameserver 192.0.2.1\n"}, {"box", true});
  ImageConfig config;
  config.working_directory = "srv/app";
  rootfs::find_command(root_fd, config, {}, "web");
}

}  // namespace

/// A root filesystem as it comes, made ready to be started: what is read from it (passwd, scripts,
/// programs) and what is written into it stays inside.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Scratch scratch;
  const auto check = [](const std::exception& error) {
    fuzz::require(!fuzz::says_read_only(error));
  };
  try {
    prepare(fuzz::with_checksums(fuzz::text_of(data, size)), scratch.root());
  } catch (const Failure& failure) {
    check(failure);
  } catch (const std::system_error& error) {
    check(error);
  }
  scratch.check_outside();
  return 0;
}
