#include "injector/open_image.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <map>
#include <thread>

#include "injector/engine/socket.hpp"
#include "injector/failure.hpp"
#include "injector/interruption.hpp"
#include "injector/staging.hpp"
#include "tests/support/docker_engine.hpp"
#include "tests/support/docker_registry.hpp"
#include "tests/support/failure_of.hpp"
#include "tests/support/tar_builder.hpp"

namespace dboot {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

std::string root_filesystem() {
  TarBuilder tar;
  tar.directory("bin").file("bin/sh", std::string(3'000'000, 'x'), 0755).symlink("sh", "bin/sh");
  tar.directory("etc").file("etc/motd", "hello\n").hardlink("etc/again", "etc/motd");
  return tar.finish();
}

/// With overlay2 the layers are read directly, with vfs a container is exported.
class Engine : public testing::TestWithParam<std::string> {
 protected:
  static void TearDownTestSuite() { engines.clear(); }
  void SetUp() override {
    if (!DockerEngine::is_installed()) GTEST_SKIP() << "no dockerd is installed";
    auto& engine = engines[GetParam()];
    if (!engine) engine = std::make_unique<DockerEngine>(GetParam());
    docker = engine.get();
  }
  void TearDown() override {
    if (docker != nullptr) {
      EXPECT_EQ(docker->containers(), "[]");
    }
  }

  std::unique_ptr<image::Source> open(const std::string& name) const {
    return image::open(name, {"unix://" + docker->socket_path(), image::Pull::never});
  }
  void unpack(image::Source& source) {
    Progress progress(0);
    source.unpack(open_directory(root.path()).get(), progress);
  }

  static inline std::map<std::string, std::unique_ptr<DockerEngine>> engines;
  DockerEngine* docker = nullptr;
  TemporaryDirectory root;
};
INSTANTIATE_TEST_SUITE_P(With, Engine, testing::Values("overlay2", "vfs"),
                         [](const auto& driver) { return driver.param; });

class EngineWithOverlay2 : public Engine {};
INSTANTIATE_TEST_SUITE_P(With, EngineWithOverlay2, testing::Values("overlay2"),
                         [](const auto& driver) { return driver.param; });

TEST_P(Engine, ImageIsUnpackedAsItIs) {
  docker->import("plain", root_filesystem(), {R"(CMD ["/bin/sh"])"});
  const auto source = open("plain");
  EXPECT_GT(source->estimated_bytes(), 3'000'000U);
  EXPECT_THAT(source->description(), AllOf(HasSubstr("plain"), HasSubstr(docker->socket_path())));
  unpack(*source);
  EXPECT_EQ(fs::file_size(root / "bin/sh"), 3'000'000U);
  EXPECT_EQ(read_text(root / "etc/again"), "hello\n");
  EXPECT_EQ(fs::hard_link_count(root / "etc/again"), 2U);
  EXPECT_EQ(fs::read_symlink(root / "sh"), "bin/sh");
}

TEST_P(Engine, ConfigIsWhatTheImageSays) {
  docker->import("config", root_filesystem(),
                 {R"(ENTRYPOINT ["/bin/sh", "-e"])", R"(CMD ["-c", "a b"])", "ENV A=1 B=x=y",
                  "WORKDIR /srv", "USER 7"});
  const ImageConfig config = open("config")->config();
  EXPECT_THAT(config.entrypoint, ElementsAre("/bin/sh", "-e"));
  EXPECT_THAT(config.cmd, ElementsAre("-c", "a b"));
  EXPECT_THAT(config.env, testing::IsSupersetOf({"A=1", "B=x=y"}));
  EXPECT_EQ(config.working_directory, "/srv");
  EXPECT_EQ(config.user, "7");
  EXPECT_EQ(config.architecture, "amd64");
  EXPECT_EQ(config.os, "linux");
}

TEST_P(Engine, ImageWithoutCommandIsUnpacked) {
  docker->import("bare", root_filesystem());
  const auto source = open("bare");
  EXPECT_TRUE(source->config().cmd.empty());
  EXPECT_TRUE(source->config().entrypoint.empty());
  unpack(*source);
  EXPECT_EQ(read_text(root / "etc/motd"), "hello\n");
}

TEST_P(Engine, ImageIsFoundByTagAndById) {
  const std::string id = docker->import("by-id:1.0", root_filesystem());
  EXPECT_NO_THROW(open("by-id:1.0"));
  EXPECT_NO_THROW(open(id));
  EXPECT_NO_THROW(open(id.substr(7, 12)));
}

TEST_P(Engine, MissingImageIsNamedWithWhatFetchesIt) {
  EXPECT_THAT(failure_of([&] { open("no/such:image"); }),
              AllOf(HasSubstr("has no image no/such:image"), HasSubstr("docker pull no/such:image"),
                    HasSubstr("docker images")));
}

TEST_P(Engine, NameThatIsNoneIsAnAnswerAndNoCrash) {
  for (const char* name : {"", "UPPER", "a b", "%2e", "a?b=c", "\xff", ".../../info"}) {
    EXPECT_NE(failure_of([&] { open(name); }), "no failure") << name;
  }
}

TEST_P(Engine, ImageOfAnotherArchitectureIsRefused) {
  docker->import("foreign", root_filesystem());
  docker->claim_architecture("foreign", "amd64", "arm64");
  EXPECT_THAT(
      failure_of([&] { open("foreign"); }),
      AllOf(HasSubstr("arm64"), HasSubstr("amd64"), HasSubstr("pull --platform linux/amd64")));
}

TEST_P(Engine, FullRootLeavesNoContainer) {
  docker->import("plain", root_filesystem());
  const auto source = open("plain");
  const Staging staging(1U << 20U, 1000);
  Progress progress(0);
  EXPECT_THAT(failure_of([&] { source->unpack(staging.root(), progress); }),
              AllOf(HasSubstr("the RAM root is full"), HasSubstr("--root-size")));
}

TEST_P(Engine, InterruptionLeavesNoContainer) {
  docker->import("plain", root_filesystem());
  const pid_t child = ::fork();
  if (child == 0) {
    interruption::catch_signals();
    const auto source = open("plain");
    ::raise(SIGINT);
    const std::string what = failure_of([&] { unpack(*source); });
    ::_exit(what.starts_with("interrupted by SIGINT") ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_P(Engine, LayersAreOneTree) {
  docker->import("lower", root_filesystem());
  TarBuilder upper;
  upper.directory("etc", 0711)
      .file("etc/motd", "the upper one\n")
      .file("srv/x", "x")
      .directory("srv", 0700);
  docker->add_layer("lower", "upper", upper.finish());
  unpack(*open("upper"));
  EXPECT_EQ(read_text(root / "etc/motd"), "the upper one\n");
  EXPECT_EQ(read_text(root / "etc/again"), "hello\n");
  EXPECT_EQ(fs::hard_link_count(root / "etc/again"), 1U);
  EXPECT_EQ(read_text(root / "srv/x"), "x");
  EXPECT_EQ(fs::status(root / "etc").permissions(), static_cast<fs::perms>(0711));
}

TEST_P(EngineWithOverlay2, LayersAreReadWithoutAContainer) {
  docker->import("direct", root_filesystem());
  unpack(*open("direct"));
  EXPECT_EQ(read_text(root / "etc/motd"), "hello\n");
  // What every container has, and with it every export.
  EXPECT_FALSE(fs::exists(root / ".dockerenv"));
}

TEST_P(EngineWithOverlay2, LayersKeepWhatAnExportDrops) {
  docker->import("kept", root_filesystem());
  const fs::path motd = fs::path(docker->uppermost_layer("kept")) / "etc/motd";
  ASSERT_EQ(::setxattr(motd.c_str(), "user.mime_type", "text", 4, 0), 0);
  const std::array<timespec, 2> times{timespec{1, 2}, timespec{1'000'000'000, 123'456'789}};
  ASSERT_EQ(::utimensat(AT_FDCWD, motd.c_str(), times.data(), 0), 0);
  unpack(*open("kept"));
  std::array<char, 16> value{};
  EXPECT_EQ(::getxattr((root / "etc/motd").c_str(), "user.mime_type", value.data(), value.size()),
            4);
  struct stat status {};
  ASSERT_EQ(::stat((root / "etc/motd").c_str(), &status), 0);
  EXPECT_EQ(status.st_mtim.tv_nsec, 123'456'789);
}

TEST_P(EngineWithOverlay2, WhatOverlayfsAssemblesIsReadWhereTheEngineMountsIt) {
  docker->import("redirected", root_filesystem());
  const fs::path etc = fs::path(docker->uppermost_layer("redirected")) / "etc";
  ASSERT_EQ(::setxattr(etc.c_str(), "trusted.overlay.redirect", "etc", 3, 0), 0);
  ASSERT_EQ(::setxattr((etc / "motd").c_str(), "user.kept", "", 0, 0), 0);
  unpack(*open("redirected"));
  EXPECT_EQ(read_text(root / "etc/motd"), "hello\n");
  EXPECT_TRUE(fs::exists(root / ".dockerenv"));
  EXPECT_EQ(::getxattr((root / "etc/motd").c_str(), "user.kept", nullptr, 0), 0);
  // The mark by which the container was found.
  for (const auto& entry : fs::directory_iterator(root.path())) {
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("dboot-inject")));
  }
}

TEST_P(EngineWithOverlay2, ImageThatIsRemovedMeanwhileIsAFailure) {
  docker->import("fleeting", root_filesystem());
  const auto source = open("fleeting");
  docker->remove_image("fleeting");
  const std::string what = failure_of([&] { unpack(*source); });
  EXPECT_THAT(what, AllOf(HasSubstr("No such image"), Not(HasSubstr("no failure"))));
}

/// From a registry on the loopback interface.
class PullFromRegistry : public Engine {
 protected:
  void SetUp() override {
    if (!DockerRegistry::is_installed()) GTEST_SKIP() << "no docker-registry is installed";
    Engine::SetUp();
    registry = std::make_unique<DockerRegistry>();
  }
  std::unique_ptr<image::Source> open(image::Pull pull, const std::string& name = "system") const {
    return image::open(registry->address() + "/" + name, {docker->socket_path(), pull});
  }
  /// By another name of the same registry, so that the engine does not know the image by this one.
  void push(const std::string& image) {
    const auto port = registry->address().substr(registry->address().find(':'));
    docker->push(image, "localhost" + port, "system");
  }
  std::string motd(image::Pull pull) {
    fs::remove_all(root / "etc");
    fs::remove_all(root / "bin");
    fs::remove(root / "sh");
    unpack(*open(pull));
    return read_text(root / "etc/motd");
  }

  std::unique_ptr<DockerRegistry> registry;
};
INSTANTIATE_TEST_SUITE_P(With, PullFromRegistry, testing::Values("overlay2"),
                         [](const auto& driver) { return driver.param; });

TEST_P(PullFromRegistry, AbsentImageIsFetchedAndSaidSo) {
  docker->import("pushed", root_filesystem());
  push("pushed");
  docker->remove_image("pushed");
  EXPECT_THAT(failure_of([&] { open(image::Pull::never); }), HasSubstr("has no image"));
  testing::internal::CaptureStderr();
  EXPECT_EQ(motd(image::Pull::missing), "hello\n");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("Pulling fs layer"), HasSubstr("Pull complete")));
}

TEST_P(PullFromRegistry, NewImageIsFetchedOnlyIfAlwaysAskedFor) {
  docker->import("old", root_filesystem());
  push("old");
  EXPECT_EQ(motd(image::Pull::missing), "hello\n");
  TarBuilder upper;
  upper.file("etc/motd", "a new one\n");
  docker->add_layer("old", "new", upper.finish());
  push("new");
  EXPECT_EQ(motd(image::Pull::missing), "hello\n");
  EXPECT_EQ(motd(image::Pull::always), "a new one\n");
}

TEST_P(PullFromRegistry, WhatTheRegistryDoesNotHaveIsAFailure) {
  EXPECT_THAT(failure_of([&] { open(image::Pull::missing, "nothing"); }),
              AllOf(HasSubstr("cannot fetch"), HasSubstr("not found"), HasSubstr("docker login")));
}

}  // namespace
}  // namespace dboot
