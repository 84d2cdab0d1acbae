#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <functional>

#include "injector/engine/podman_service.hpp"
#include "injector/interruption.hpp"
#include "injector/open_image.hpp"
#include "tests/support/failure_of.hpp"
#include "tests/support/image_builder.hpp"
#include "tests/support/tar_builder.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/tree_listing.hpp"

namespace dboot {
namespace {

using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* program = "/usr/bin/podman";

/// A Podman with storage of its own; the parameter is its driver.
class Podman : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (::access(program, X_OK) != 0) GTEST_SKIP() << "no podman is installed";
    write_text(directory_ / "storage.conf",
               "[storage]\ndriver = \"" + GetParam() + "\"\ngraphroot = \"" +
                   (directory_ / "data").string() + "\"\nrunroot = \"" +
                   (directory_ / "run").string() + "\"\n");
    ::setenv("CONTAINERS_STORAGE_CONF", (directory_ / "storage.conf").c_str(), 1);
  }
  void TearDown() override {
    // No service is left behind.
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
    // Podman makes its storage a mount of its own, and leaves it so.
    ::umount2((directory_ / "data/overlay").c_str(), MNT_DETACH);
  }

  /// Runs podman; its last line.
  std::string podman(std::vector<const char*> arguments) const {
    const std::string output = directory_ / "output";
    const pid_t child = sys::check(::fork(), "fork");
    if (child == 0) {
      const UniqueFd file = sys::open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(file.get(), STDOUT_FILENO);
      ::dup2(file.get(), STDERR_FILENO);
      arguments.insert(arguments.begin(), program);
      arguments.push_back(nullptr);
      ::execv(program, const_cast<char* const*>(arguments.data()));
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    std::string text = read_text(output);
    if (status != 0) throw std::runtime_error("podman: " + text);
    while (text.ends_with('\n')) text.pop_back();
    return text.substr(text.rfind('\n') + 1);
  }

  /// An image of two layers, of which the upper one removes and hides; its name.
  std::string make_image() const {
    TarBuilder lower;
    lower.directory("etc").file("etc/motd", "lower\n").file("etc/gone", "x").directory("opaque");
    lower.file("opaque/hidden", "x").symlink("link", "/etc/motd").hardlink("etc/again", "etc/motd");
    TarBuilder upper;
    upper.directory("etc", 0711)
        .file("etc/.wh.gone", "")
        .file("etc/new", std::string(100'000, 'n'));
    upper.directory("opaque").file("opaque/.wh..wh..opq", "").file("opaque/seen", "x");
    LayoutBuilder layout(directory_ / "layout");
    layout.finish({layout.image(
        {{lower.finish()}, {upper.finish()}},
        R"(,"annotations":{"org.opencontainers.image.ref.name":"localhost/made:1"})")});
    const std::string archive = directory_ / "archive.tar";
    write_text(archive, layout.tar());
    podman({"load", "--quiet", "--input", archive.c_str()});
    return "localhost/made:1";
  }

  std::unique_ptr<image::Source> open(const std::string& name, const std::string& host = {}) const {
    return image::open("podman:" + name, {host, image::Pull::never});
  }
  fs::path unpack(image::Source& source) {
    fs::create_directory(directory_ / "root");
    Progress progress(0);
    source.unpack(open_directory(directory_ / "root").get(), progress);
    return directory_ / "root";
  }
  static void expect_image(const fs::path& root) {
    EXPECT_EQ(read_text(root / "etc/motd"), "lower\n");
    EXPECT_EQ(fs::hard_link_count(root / "etc/again"), 2U);
    EXPECT_FALSE(fs::exists(root / "etc/gone"));
    EXPECT_EQ(fs::file_size(root / "etc/new"), 100'000U);
    EXPECT_FALSE(fs::exists(root / "opaque/hidden"));
    EXPECT_TRUE(fs::exists(root / "opaque/seen"));
    EXPECT_EQ(fs::status(root / "etc").permissions(), static_cast<fs::perms>(0711));
  }

  TemporaryDirectory directory_;
};
INSTANTIATE_TEST_SUITE_P(With, Podman, testing::Values("overlay", "vfs"),
                         [](const auto& driver) { return driver.param; });
class PodmanWithOverlay : public Podman {};
INSTANTIATE_TEST_SUITE_P(With, PodmanWithOverlay, testing::Values("overlay"),
                         [](const auto& driver) { return driver.param; });

TEST_P(Podman, ImageIsReadThroughAServiceThatEndsWithIt) {
  const auto source = open(make_image());
  EXPECT_THAT(source->config().cmd, testing::ElementsAre("/bin/sh"));
  EXPECT_THAT(source->description(), HasSubstr("of Podman"));
  expect_image(unpack(*source));
  EXPECT_EQ(podman({"ps", "--all", "--quiet"}), "");
}

TEST_P(PodmanWithOverlay, LayersAreReadDirectly) {
  const auto source = open(make_image());
  const fs::path root = unpack(*source);
  // What every container has, and with it every export.
  EXPECT_FALSE(fs::exists(root / "proc"));
}

TEST_P(PodmanWithOverlay, NameIsFoundAsPodmanFindsIt) {
  const std::string id = make_image();
  podman({"tag", id.c_str(), "here:1"});
  EXPECT_NO_THROW(open("here:1"));
  EXPECT_NO_THROW(open("localhost/here:1"));
  EXPECT_THAT(failure_of([&] { open("here:2"); }), HasSubstr("Podman has no image here:2"));
}

TEST_P(PodmanWithOverlay, SocketOfAnotherIsUsedWhereItIsNamed) {
  const std::string id = make_image();
  const image::PodmanService service;
  const auto source = open(id, service.socket_path());
  EXPECT_THAT(source->description(), HasSubstr(service.socket_path()));
  expect_image(unpack(*source));
}

TEST_P(PodmanWithOverlay, DockerHostIsNotMeantForIt) {
  const std::string id = make_image();
  ::setenv("DOCKER_HOST", "tcp://127.0.0.1:2375", 1);
  EXPECT_NO_THROW(open(id));
  ::unsetenv("DOCKER_HOST");
}

TEST_P(PodmanWithOverlay, ServiceEndsWithWhoIsKilled) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    const image::PodmanService service;
    [[maybe_unused]] const ssize_t count = ::write(writer.get(), "x", 1);
    for (;;) ::pause();
  }
  writer.reset();
  char byte = 0;
  ASSERT_EQ(::read(reader.get(), &byte, 1), 1);
  const std::string pid = std::to_string(child);
  const int service = std::stoi(sys::read_file("/proc/" + pid + "/task/" + pid + "/children"));
  const UniqueFd alive = sys::try_pidfd_open(service);
  ASSERT_TRUE(alive);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  pollfd ended{alive.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 10'000), 1);
}

TEST_P(PodmanWithOverlay, WithoutPodmanItIsSaidWhatToDo) {
  const std::string path = ::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  const std::string failure = failure_of([&] { open("x"); });
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_THAT(failure, AllOf(HasSubstr("cannot start podman: No such file"), HasSubstr("--host")));
}

TEST_P(PodmanWithOverlay, WhatPodmanComplainsOfIsShown) {
  write_text(directory_ / "storage.conf", "nonsense");
  EXPECT_THAT(failure_of([&] { open("x"); }),
              AllOf(HasSubstr("podman system service does not answer"), HasSubstr("toml")));
}

TEST_P(PodmanWithOverlay, InterruptionEndsTheWaitForAServiceThatHangs) {
  const fs::path fake = directory_ / "podman";
  write_text(fake, "#!/bin/sh\necho words >&2\nkill -TERM $PPID\nexec sleep 600\n");
  fs::permissions(fake, fs::perms::owner_all);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("PATH", (directory_.path().string() + ":" + ::getenv("PATH")).c_str(), 1);
    interruption::catch_signals();
    const std::string what = failure_of([&] { open("x"); });
    ::_exit(what.starts_with("interrupted by SIGTERM") ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace dboot
