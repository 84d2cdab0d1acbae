#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <optional>

#include "injector/byte_size.hpp"
#include "injector/document/platform.hpp"
#include "injector/engine/socket.hpp"
#include "injector/failure.hpp"
#include "injector/interruption.hpp"
#include "injector/open_image.hpp"
#include "injector/preflight/memory.hpp"
#include "tests/support/failure_of.hpp"
#include "tests/support/tar_builder.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {
namespace {

using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

std::string open_failure(const fs::path& path) {
  return failure_of([&] { image::open(path.string(), {}); });
}

TEST(ArchiveSource, EveryCompressionIsUnpacked) {
  const TemporaryDirectory directory;
  for (const int filter : {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2,
                           ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_LZ4}) {
    const std::string name = std::to_string(filter);
    write_text(directory / (name + ".tar"), TarBuilder(filter).file("etc/motd", "hi").finish());
    const auto source = image::open((directory / (name + ".tar")).string(), {});
    EXPECT_EQ(source->config(), ImageConfig());
    fs::create_directory(directory / name);
    Progress progress(0);
    source->unpack(open_directory(directory / name).get(), progress);
    EXPECT_EQ(read_text(directory / name / "etc/motd"), "hi") << filter;
    EXPECT_EQ(progress.bytes(), 2U);
  }
}

TEST(ArchiveSource, SizeIsThatOfTheContentWhereTheArchiveSaysSo) {
  const TemporaryDirectory directory;
  const std::string content(100'000, 'x');
  write_text(directory / "plain", TarBuilder().file("a", content).finish());
  write_text(directory / "gzip", TarBuilder(ARCHIVE_FILTER_GZIP).file("a", content).finish());
  write_text(directory / "xz", TarBuilder(ARCHIVE_FILTER_XZ).file("a", content).finish());
  EXPECT_GE(image::open((directory / "plain").string(), {})->estimated_bytes(), 100'000U);
  EXPECT_GE(image::open((directory / "gzip").string(), {})->estimated_bytes(), 100'000U);
  // At least what is stored.
  EXPECT_EQ(image::open((directory / "xz").string(), {})->estimated_bytes(),
            fs::file_size(directory / "xz"));
}

TEST(ArchiveSource, WhatIsNoArchiveIsRefusedBeforeAnythingIsPrepared) {
  const TemporaryDirectory directory;
  EXPECT_THAT(open_failure(directory / "missing"),
              AllOf(HasSubstr("missing"), HasSubstr("No such")));
  write_text(directory / "empty", "");
  EXPECT_THAT(open_failure(directory / "empty"), Not(HasSubstr("no failure")));
  write_text(directory / "text", std::string(5000, 'x'));
  EXPECT_THAT(open_failure(directory / "text"), HasSubstr("is text"));
  EXPECT_THAT(open_failure("/dev/null"), HasSubstr("no file"));
}

TEST(ArchiveSource, FifoIsReadWhenItsWriterComes) {
  const TemporaryDirectory directory;
  const std::string fifo = directory / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const pid_t writer = ::fork();
  if (writer == 0) {
    sys::write_all(sys::open(fifo, O_WRONLY).get(), TarBuilder().file("etc/motd", "hi").finish());
    ::_exit(0);
  }
  const auto source = image::open(fifo, {});
  fs::create_directory(directory / "root");
  Progress progress(0);
  source->unpack(open_directory(directory / "root").get(), progress);
  EXPECT_EQ(read_text(directory / "root/etc/motd"), "hi");
  ::waitpid(writer, nullptr, 0);
}

TEST(ArchiveSource, InterruptionEndsTheWaitForTheWriterOfAFifo) {
  const TemporaryDirectory directory;
  const std::string fifo = directory / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    interruption::catch_signals();
    ::raise(SIGTERM);
    const std::string what = open_failure(fifo);
    ::_exit(what.starts_with("interrupted by SIGTERM") ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(EngineSocketPath, UnixSocketsAreUnderstood) {
  EXPECT_EQ(image::engine_socket_path(""), "/var/run/docker.sock");
  EXPECT_EQ(image::engine_socket_path("unix:///run/podman.sock"), "/run/podman.sock");
  EXPECT_EQ(image::engine_socket_path("/run/x"), "/run/x");
  EXPECT_THAT(failure_of([] { image::engine_socket_path("tcp://host:1"); }), HasSubstr("unix://"));
}

/// DOCKER_HOST as a test wants it; afterwards as it was.
class DockerHost {
 public:
  explicit DockerHost(const char* value) {
    if (const char* before = ::getenv("DOCKER_HOST")) before_ = before;
    set(value);
  }
  ~DockerHost() { set(before_ ? before_->c_str() : nullptr); }
  DockerHost(const DockerHost&) = delete;
  DockerHost& operator=(const DockerHost&) = delete;

 private:
  static void set(const char* value) {
    value == nullptr ? ::unsetenv("DOCKER_HOST") : ::setenv("DOCKER_HOST", value, 1);
  }
  std::optional<std::string> before_;
};

TEST(DockerHost, NamesTheSocketWhereHostDoesNot) {
  const DockerHost variable("unix:///run/user/1000/docker.sock");
  EXPECT_EQ(image::docker_socket_path(""), "/run/user/1000/docker.sock");
  EXPECT_EQ(image::docker_socket_path("unix:///run/x"), "/run/x");
  EXPECT_THAT(failure_of([] { image::open("debian", {}); }),
              HasSubstr("/run/user/1000/docker.sock"));
}

TEST(DockerHost, EmptyOneCountsAsNotSet) {
  for (const char* value : {"", static_cast<const char*>(nullptr)}) {
    const DockerHost variable(value);
    EXPECT_EQ(image::docker_socket_path(""), "/var/run/docker.sock");
  }
}

TEST(DockerHost, OtherThanAUnixSocketIsRefusedWithTheMend) {
  for (const char* value : {"tcp://127.0.0.1:2375", "ssh://root@host", "npipe:////./pipe/docker",
                            "fd://", "/run/docker.sock", "unix://", "unix://relative"}) {
    const DockerHost variable(value);
    EXPECT_THAT(
        failure_of([] { image::open("debian", {}); }),
        AllOf(HasSubstr(std::string("DOCKER_HOST is ") + value), HasSubstr("only unix sockets"),
              HasSubstr("unset DOCKER_HOST"), HasSubstr("--host unix:///path")));
    EXPECT_EQ(image::docker_socket_path("/run/x"), "/run/x");
  }
}

TEST(DockerHost, IsNotAskedForAFile) {
  const DockerHost variable("tcp://127.0.0.1:2375");
  EXPECT_THAT(failure_of([] { image::open("/nonexistent", {}); }), Not(HasSubstr("DOCKER_HOST")));
}

TEST(Platform, AnotherArchitectureIsRefusedAndBothAreNamed) {
  EXPECT_NO_THROW(image::check_platform("linux", "amd64", "x86_64"));
  EXPECT_NO_THROW(image::check_platform("", "", "x86_64"));
  EXPECT_NO_THROW(image::check_platform("linux", "arm64", "aarch64"));
  EXPECT_THAT(failure_of([] { image::check_platform("linux", "arm64", "x86_64"); }),
              AllOf(HasSubstr("for arm64"), HasSubstr("is amd64")));
  EXPECT_THAT(failure_of([] { image::check_platform("windows", "amd64", "x86_64"); }),
              HasSubstr("windows"));
}

TEST(Memory, AvailableIsReadInBytes) {}

TEST(Memory, ImageThatCannotFitIsRefusedWithTheNumbers) {
  constexpr std::uint64_t gib = 1U << 30U;
  EXPECT_NO_THROW(memory::require(gib, gib + memory::headroom));
  EXPECT_THAT(failure_of([] { memory::require(2 * gib, gib); }),
              AllOf(HasSubstr("2.0 GiB"), HasSubstr("64.0 MiB"), HasSubstr("1.0 GiB")));
  EXPECT_THROW(memory::require(~0ULL, gib), Failure);
}

TEST(Memory, RootTakesWhatIsAskedForElseWhatIsThere) {
  constexpr std::uint64_t gib = 1U << 30U;
  EXPECT_EQ(memory::root_size(gib, gib / 2, 4 * gib).bytes, gib);
  EXPECT_EQ(memory::root_size(0, gib, 4 * gib).bytes, 4 * gib - memory::headroom);
  EXPECT_EQ(memory::root_size(gib, 0, 4 * gib).entries, gib / 4096);
  EXPECT_THAT(failure_of([] { memory::root_size(gib, 2 * gib, 4 * gib); }),
              AllOf(HasSubstr("2.0 GiB"), HasSubstr("1.0 GiB"), HasSubstr("--root-size")));
  EXPECT_THAT(failure_of([] { memory::root_size(gib, gib + 1, 4 * gib); }),
              HasSubstr("needs 1073741825 bytes, and --root-size allows 1.0 GiB"));
  EXPECT_THAT(failure_of([] { memory::root_size(8 * gib, 0, 4 * gib); }),
              AllOf(HasSubstr("8.0 GiB"), HasSubstr("4.0 GiB are available")));
}

TEST(ProgressLine, SaysStepShareTimeBytesAndRate) {
  using namespace std::chrono_literals;
  EXPECT_EQ(Progress::format({"filling the new root", 50U << 20U, 100U << 20U, 2s}, 100),
            "filling the new root: 50 %, 2 seconds left, 50.0 MiB of 100.0 MiB, 25.0 MiB/s");
  EXPECT_EQ(Progress::format({"", 10, 0, 0s}, 100), "10 bytes");
  EXPECT_EQ(Progress::format({"copying", 2048, 10, 1s}, 100), "copying: 2.0 KiB, 2.0 KiB/s");
  EXPECT_EQ(Progress::format({"copying", 1, 100, 10ms}, 100),
            "copying: 1 %, 1 bytes of 100 bytes, 100 bytes/s");
  EXPECT_EQ(Progress::format({"copying", 0, 100, 10s}, 100), "copying: 0 %, 0 bytes of 100 bytes");
}

TEST(ProgressLine, LeavesOutWhatHasNoPlace) {
  using namespace std::chrono_literals;
  const Progress::State state{"filling the new root", 50U << 20U, 100U << 20U, 2s};
  EXPECT_EQ(Progress::format(state, 30), "filling the new root: 50 %");
  EXPECT_EQ(Progress::format(state, 45), "filling the new root: 50 %, 2 seconds left");
  EXPECT_EQ(Progress::format(state, 10), "filling th");
  for (unsigned columns = 0; columns < 120; ++columns)
    EXPECT_LE(Progress::format(state, columns).size(), columns);
}

TEST(ByteSize, UnitsAreBinary) {
  EXPECT_EQ(byte_size(0), "0 bytes");
  EXPECT_EQ(byte_size(1536), "1.5 KiB");
  EXPECT_EQ(byte_size(~0ULL), "16.0 EiB");
  EXPECT_EQ(parse_byte_size("7"), 7U);
  EXPECT_EQ(parse_byte_size("7b"), 7U);
  for (const char* text : {"3M", "3m", "3Mi", "3MB", "3MiB"})
    EXPECT_EQ(parse_byte_size(text), 3U << 20U);
  EXPECT_EQ(parse_byte_size("2T"), 2ULL << 40U);
  EXPECT_EQ(parse_byte_size(""), std::nullopt);
  EXPECT_EQ(parse_byte_size("18446744073709551616"), std::nullopt);
}

}  // namespace
}  // namespace dboot
