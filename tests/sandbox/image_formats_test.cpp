#include <gmock/gmock.h>

#include "shared/system/syscalls.hpp"
#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/docker_engine.hpp"
#include "tests/support/temporary_directory.hpp"

// Images as the programs that people use write them, each of them rehearsed.
namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

constexpr const char* command = R"(["/bin/sh","-c","read motd </motd; echo $GREETING $motd"])";

/// An image of two layers, the upper one of which replaces /motd, made by buildah in every form.
class ImageFormats : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    files = std::make_unique<TemporaryDirectory>();
    host = std::make_unique<SandboxHost>();
    TarBuilder tar;
    write_text(*files / "root.tar", add_busybox(tar).file("motd", "lower").finish());
    write_text(*files / "motd", "upper");
    buildah("from --name lower scratch");
    buildah("add --quiet lower root.tar /");
    buildah("config --env GREETING=hello --cmd '" + std::string(command) + "' lower");
    buildah("commit --quiet lower image:lower");
    buildah("from --name upper image:lower");
    buildah("add --quiet upper motd /motd");
    buildah("commit --quiet upper image:upper");
    buildah("push --quiet image:upper oci:layout:upper");
    buildah("push --quiet image:lower oci:layout:lower");
    buildah("push --quiet image:upper oci-archive:oci.tar:upper");
    buildah("push --quiet image:upper docker-archive:docker.tar:image:upper");
  }
  static void TearDownTestSuite() {
    host.reset();
    files.reset();
  }

  /// Runs a line of shell where the files are.
  static SandboxHost::Result shell(const std::string& line) {
    return host->run(
        {"/bin/sh", "-c", "cd " + files->path().string() + " && export TMPDIR=$PWD && " + line});
  }
  static void prepare(const std::string& line) {
    const auto result = shell(line);
    if (result.status != 0) throw std::runtime_error(line + ": " + result.output);
  }
  static void buildah(const std::string& arguments) {
    prepare("buildah --root $PWD/storage --runroot $PWD/run --storage-driver vfs " + arguments);
  }
  static SandboxHost::Result rehearse(const std::string& image, const std::string& input = {}) {
    const std::string prefix = input.empty() ? "" : input + " | ";
    return shell(prefix + DBOOT_INJECT + " --rehearse " + image);
  }
  static void expect(const std::string& motd, const std::string& image,
                     const std::string& input = {}) {
    const auto result = rehearse(image, input);
    EXPECT_EQ(result.status, 0) << image << ": " << result.output;
    EXPECT_THAT(result.output, HasSubstr("hello " + motd)) << image;
  }

  static inline std::unique_ptr<TemporaryDirectory> files;
  static inline std::unique_ptr<SandboxHost> host;
};

TEST_F(ImageFormats, LayoutOfBuildah) {
  expect("upper", "oci:layout:upper");
  expect("lower", "oci:layout:lower");
  EXPECT_THAT(rehearse("oci:layout").output, HasSubstr("lower, upper"));
}

TEST_F(ImageFormats, ArchivesOfBuildah) {
  for (const char* image : {"oci-archive:oci.tar", "oci-archive:oci.tar:upper", "./oci.tar",
                            "docker-archive:docker.tar", "docker-archive:docker.tar:image:upper",
                            "docker-archive:docker.tar:@0", "./docker.tar"}) {
    expect("upper", image);
  }
}

TEST_F(ImageFormats, CompressedArchivesAndStreams) {
  prepare("gzip -k docker.tar && xz -k0 oci.tar");
  expect("upper", "./docker.tar.gz");
  expect("upper", "./oci.tar.xz");
  expect("upper", "-", "cat docker.tar.gz");
  expect("upper", "-", "cat docker.tar");
  expect("upper", "-", "cat oci.tar.xz");
}

TEST_F(ImageFormats, RootFilesystems) {
  const std::string run = " -- /bin/sh -c 'echo hello $(/bin/busybox cat /motd)'";
  expect("lower", "tar:root.tar" + run);
  expect("lower", "./root.tar" + run);
  expect("lower", "-" + run, "cat root.tar");
  expect("lower", "-" + run, "gzip -c root.tar");
}

TEST_F(ImageFormats, MistakesAreRecognised) {
  EXPECT_THAT(rehearse("tar:docker.tar").output, HasSubstr("docker-archive:"));
  EXPECT_THAT(rehearse("dir:layout").output, HasSubstr("or oci:"));
  const auto file = rehearse("--host unix:///nonexistent docker.tar");
  EXPECT_EQ(file.status, 125);
  EXPECT_THAT(file.output, HasSubstr("say ./docker.tar for the file"));
  EXPECT_THAT(rehearse("--workdir /motd oci:layout:upper").output, HasSubstr("--workdir"));
}

TEST_F(ImageFormats, LayersThatSkopeoHasCompressedAnew) {
  prepare(
      "skopeo copy --quiet --dest-compress --dest-compress-format zstd oci:layout:upper "
      "oci:zstd:v1");
  EXPECT_THAT(shell("cat zstd/blobs/sha256/*").output, HasSubstr("tar+zstd"));
  expect("upper", "oci:zstd:v1");
  prepare("skopeo copy --quiet --format v2s2 oci:layout:upper docker-archive:skopeo.tar:a:b");
  expect("upper", "docker-archive:skopeo.tar:a:b");
}

TEST_F(ImageFormats, LayerOfUmoci) {
  prepare(
      "cp -a layout umoci && umoci unpack --image umoci:upper bundle && "
      "echo repacked >bundle/rootfs/motd && umoci repack --image umoci:new bundle");
  expect("repacked", "oci:umoci:new");
}

TEST_F(ImageFormats, IndexOfSeveralPlatforms) {
  buildah("manifest create several");
  buildah("manifest add --os linux --arch arm64 several image:lower");
  buildah("manifest add --os linux --arch amd64 several image:upper");
  buildah("manifest push --quiet --all several oci:several:v1");
  expect("upper", "oci:several:v1");
  buildah("manifest create foreign");
  buildah("manifest add --os linux --arch arm64 foreign image:lower");
  buildah("manifest push --quiet --all foreign oci:foreign:v1");
  const auto result = rehearse("oci:foreign:v1");
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, AllOf(HasSubstr("linux/arm64"), HasSubstr("linux/amd64")));
}

TEST_F(ImageFormats, ArchiveOfDockerSave) {
  if (!DockerEngine::is_installed()) GTEST_SKIP() << "no dockerd is installed";
  const DockerEngine docker;
  const std::string socket = docker.socket_path();
  prepare("skopeo copy --quiet --dest-daemon-host unix://" + socket +
          " oci:layout:upper docker-daemon:saved:1");
  const std::string answer = http_request(socket, "GET", "/images/saved:1/get");
  write_text(*files / "saved.tar", answer.substr(answer.find("\r\n\r\n") + 4));
  expect("upper", "./saved.tar");
  expect("upper", "docker-archive:saved.tar:saved:1");
  expect("upper", "-", "cat saved.tar");
}

TEST_F(ImageFormats, WrongDigestEndsTheTakeoverWithTheBlob) {
  prepare("cp -a layout wrong");
  std::string largest;
  for (const auto& entry : fs::directory_iterator(*files / "wrong/blobs/sha256")) {
    const std::string path = entry.path();
    if (largest.empty() || fs::file_size(path) > fs::file_size(largest)) largest = path;
  }
  std::string bytes = read_text(largest);
  bytes[4] ^= 1;  // gzip's time: what is inflated stays the same
  write_text(largest, bytes);
  const auto result = rehearse("oci:wrong:upper");
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, AllOf(HasSubstr("sha256:" + fs::path(largest).filename().string()),
                                   Not(HasSubstr("hello"))));
}

TEST_F(ImageFormats, WhatIsNoRootFilesystemIsToldByWhatIsAtItsTop) {
  prepare("mkdir -p far/deep && tar -C . -cf far.tar layout && cp root.tar far/deep/");
  const auto layout_in_a_directory = rehearse("./far.tar");
  EXPECT_EQ(layout_in_a_directory.status, 125);
  EXPECT_THAT(layout_in_a_directory.output,
              AllOf(HasSubstr("no /sbin/init; what ./far.tar has at its top is no root "
                              "filesystem's: layout/"),
                    HasSubstr("tar -C DIRECTORY/layout/ -c . | dboot-inject -")));
  const auto directory = rehearse("./far -- /bin/sh");
  EXPECT_EQ(directory.status, 127);
  EXPECT_THAT(directory.output,
              AllOf(HasSubstr("there is no '/bin/sh' in the image; what ./far has at its top"),
                    HasSubstr("deep/")));
  EXPECT_THAT(rehearse("dir:./root.tar").output, HasSubstr("an archive is tar:./root.tar"));
  EXPECT_THAT(rehearse("docker-archive:./oci.tar").output,
              HasSubstr("name it as oci-archive:FILE"));
  EXPECT_THAT(rehearse("oci-archive:./docker.tar").output,
              HasSubstr("name it as docker-archive:FILE"));
}

}  // namespace
}  // namespace dboot::testing
