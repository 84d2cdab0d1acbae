#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "shared/system/syscalls.hpp"
#include "tests/hostile/raw_tar.hpp"
#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/temporary_directory.hpp"

// An image that never ends, on standard input.
namespace dboot::hostile {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Writes empty files with a name each, until nobody reads any more.
[[noreturn]] void write_files_without_end(const std::string& path) {
  ::signal(SIGPIPE, SIG_DFL);
  const UniqueFd fifo = sys::open(path, O_WRONLY);
  for (int number = 0;;) {
    RawTar piece;
    for (int i = 0; i < 1000; ++i) piece.file("file" + std::to_string(number++), "");
    sys::write_all(fifo.get(), piece.unfinished());
  }
}

TEST(EndlessImage, OfEmptyFilesIsRefusedAsSoonAsTheRootHasNoMoreOfThem) {
  const TemporaryDirectory directory;
  const std::string fifo = directory / "fifo";
  sys::check(::mkfifo(fifo.c_str(), 0600), "mkfifo ", fifo);
  const testing::SandboxHost host;
  const auto before = host.state();
  const pid_t writer = sys::check(::fork(), "fork");
  if (writer == 0) write_files_without_end(fifo);
  const auto result =
      host.run({"/bin/sh", "-c", "exec " DBOOT_INJECT " --dry-run --root-size 64M - <" + fifo});
  int status = 0;
  ::waitpid(writer, &status, 0);
  EXPECT_EQ(WIFSIGNALED(status) ? WTERMSIG(status) : 0, SIGPIPE);
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, HasSubstr("16384 of 16384 files are used, at file16"));
  EXPECT_THAT(testing::differences(before, host.state()), IsEmpty());
}

}  // namespace
}  // namespace dboot::hostile
