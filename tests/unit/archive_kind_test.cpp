// Archives as programs write them: images, root filesystems, and what is neither.
#include "injector/archive/kind.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "injector/archive/recognise.hpp"
#include "injector/document/config_file.hpp"
#include "injector/document/json.hpp"
#include "injector/open_image.hpp"
#include "tests/support/byte_streams.hpp"
#include "tests/support/failure_of.hpp"
#include "tests/support/image_builder.hpp"

namespace dboot::image {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string quoted(const std::string& text) {
  return std::string("\"").append(text).append("\"");
}

std::string config_of(const std::string& layer) {
  return R"({"os":"linux","architecture":"amd64","config":{"Cmd":["/c"]},"rootfs":{"diff_ids":[)" +
         quoted(to_string(digest_of(layer))) + "]}}";
}

std::string list_of(const std::string& config, const std::string& layer) {
  return R"([{"Config":)" + quoted(config) + R"(,"RepoTags":["a:1"],"Layers":[)" + quoted(layer) +
         "]}]";
}

std::string layer_of_a() {
  return TarBuilder().file("etc/a", "from the image").finish();
}

std::string compressed_tar(const std::string& name, const std::string& content) {
  return TarBuilder(ARCHIVE_FILTER_GZIP).file(name, content).finish();
}

class Recognised : public testing::Test {
 protected:
  /// What /etc/a has of what is in an archive; given as a file.
  std::string content(const std::string& archive) {
    write_text(directory_ / "archive", archive);
    return unpacked(*open_path((directory_ / "archive").string()));
  }
  /// The same of a pipe, which is read once.
  std::string content_of_pipe(const std::string& archive) {
    std::array<int, 2> ends{};
    sys::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
    UniqueFd read(ends[0]);
    std::thread writer([&, write = UniqueFd(ends[1])]() mutable {
      try {
        sys::write_all(write.get(), archive);
      } catch (const std::exception&) {
        // Who reads has enough.
      }
      write.reset();
    });
    std::string text;
    try {
      text = unpacked(*open_by_content(std::move(read), "standard input"));
    } catch (...) {
      writer.join();
      throw;
    }
    writer.join();
    return text;
  }
  std::string unpacked(Source& source) {
    const TemporaryDirectory root;
    Progress progress(0);
    source.unpack(open_directory(root.path()).get(), progress);
    return read_text(root / "etc/a");
  }
  void expect_image(const std::string& archive) {
    EXPECT_EQ(content(archive), "from the image");
    EXPECT_EQ(content_of_pipe(archive), "from the image");
  }

  TemporaryDirectory directory_;
};

/// What is said of standard input, which `bytes` are.
std::string failure_of_standard_input(const std::string& image, const std::string& bytes) {
  const TemporaryDirectory directory;
  write_text(directory / "archive", bytes);
  const UniqueFd saved(sys::check(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), "dup"));
  const auto archive = sys::open((directory / "archive").string(), O_RDONLY);
  sys::check(::dup2(archive.get(), STDIN_FILENO), "dup2");
  const auto said = failure_of([&] {
    const auto source = open(image, {});
    const TemporaryDirectory root;
    Progress progress(0);
    source->unpack(open_directory(root.path()).get(), progress);
    EXPECT_EQ(read_text(root / "etc/a"), "from the image");
  });
  sys::check(::dup2(saved.get(), STDIN_FILENO), "dup2");
  return said;
}

TEST_F(Recognised, ImagesOfJib) {
  const auto layer = layer_of_a();
  const auto stored = compressed_tar("etc/a", "from the image");
  const auto name = std::string(64, 'b') + ".tar.gz";
  // What is compressed is another tar: its digest is that of what it holds.
  const auto plain = layer;
  TarBuilder tar;
  tar.file("config.json", config_of(plain)).file(name, stored);
  tar.file("manifest.json", list_of("config.json", name));
  expect_image(tar.finish());
}

TEST_F(Recognised, ImagesOfGuixAndOthersWithASlashInFront) {
  const auto layer = layer_of_a();
  for (const std::string slash : {"", "/"}) {
    TarBuilder tar;
    tar.directory("abc").file(slash + "abc/layer.tar", layer).file("abc/VERSION", "1.0");
    tar.file("config.json", config_of(layer)).file("repositories", "{}");
    tar.file("manifest.json", list_of("config.json", "/abc/layer.tar"));
    expect_image(tar.finish());
  }
}

TEST_F(Recognised, ImagesWithOtherFilesBesideAndTheListAnywhere) {
  const auto layer = layer_of_a();
  for (const bool is_first : {true, false}) {
    TarBuilder tar;
    if (is_first) tar.file("manifest.json", list_of("c", "l"));
    tar.file("._manifest.json", "x").file(".DS_Store", "x").file("LICENSE", "x");
    tar.file("c", config_of(layer)).file("l", layer).file("notes/readme.txt", "x");
    if (!is_first) tar.file("manifest.json", list_of("c", "l"));
    expect_image(tar.finish());
  }
}

TEST_F(Recognised, ImagesThatDockerHasWrittenTwiceOnceInVain) {
  const auto layer = layer_of_a();
  const std::string without_layers =
      R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":)" +
      quoted(to_string(digest_of("x"))) + R"(,"size":1},"layers":[]})";
  const auto digest = to_string(digest_of(without_layers));
  for (
      const std::string& index :
      {std::string(R"({"schemaVersion":2,"manifests":null})"),
       R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":)" +
           quoted(digest) + R"(,"size":)" + std::to_string(without_layers.size()) + "}]}"}) {
    TarBuilder tar;
    tar.file("oci-layout", R"({"imageLayoutVersion":"1.0.0"})").file("index.json", index);
    tar.file("blobs/sha256/" + digest.substr(7), without_layers);
    tar.file("c", config_of(layer)).file("l", layer);
    tar.file("manifest.json", list_of("c", "l"));
    expect_image(tar.finish());
  }
}

TEST_F(Recognised, RootFilesystemsThatHappenToHaveSuchFiles) {
  for (const std::string& list : {std::string("{}"), std::string("[]"), std::string("no JSON"),
                                  list_of("c", "l"), std::string(R"([{"Config":"c"}])")}) {
    TarBuilder tar;
    tar.file("manifest.json", list).file("index.json", "{}").file("start", "x");
    tar.file("etc/a", "from the root");
    const auto archive = tar.finish();
    EXPECT_EQ(content(archive), "from the root") << list;
    EXPECT_EQ(content_of_pipe(archive), "from the root") << list;
  }
  // Without any directory that a system has.
  TarBuilder tar;
  tar.file("manifest.json", list_of("c", "l")).file("start", "x");
  write_text(directory_ / "archive", tar.finish());
  EXPECT_THAT(open_path((directory_ / "archive").string())->description(),
              testing::StartsWith("archive "));
}

TEST_F(Recognised, DamagedImagesAreNoRootFilesystems) {
  TarBuilder tar;
  tar.file("l", layer_of_a()).file("manifest.json", list_of("c", "l"));
  EXPECT_THAT(failure_of([&] { content(tar.finish()); }), HasSubstr("the config c is missing"));
}

TEST_F(Recognised, FormatsOfOthersAreNamedWithWhatToDo) {
  const auto failure = [&](TarBuilder& tar) { return failure_of([&] { content(tar.finish()); }); };
  TarBuilder v1;
  v1.file("repositories", "{}").file("abc/layer.tar", layer_of_a()).file("abc/json", "{}");
  EXPECT_THAT(failure(v1), AllOf(HasSubstr("Docker before 1.10"), HasSubstr("docker load")));
  TarBuilder lxd;
  lxd.file("metadata.yaml", "x").file("rootfs/etc/a", "x");
  EXPECT_THAT(failure(lxd), AllOf(HasSubstr("LXD"), HasSubstr("rootfs")));
  TarBuilder bundle;
  bundle.file("umoci.json", "{}").file("config.json", "{}").file("rootfs/etc/a", "x");
  EXPECT_THAT(failure(bundle), AllOf(HasSubstr("umoci"), HasSubstr("rootfs")));
  TarBuilder skopeo;
  skopeo.file("version", "Directory Transport Version: 1.1\n").file("manifest.json", "{}");
  EXPECT_THAT(failure(skopeo), AllOf(HasSubstr("skopeo"), HasSubstr("skopeo copy dir:")));
}

TEST_F(Recognised, DirectoriesOfOthersAreNamedWithWhatToDo) {
  const auto failure = [&](const std::string& name) {
    return failure_of([&] { open_path((directory_ / name).string()); });
  };
  write_text(directory_ / "bundle/umoci.json", "{}");
  EXPECT_THAT(failure("bundle"), AllOf(HasSubstr("umoci"), HasSubstr("rootfs")));
  write_text(directory_ / "dir/version", "Directory Transport Version: 1.1\n");
  write_text(directory_ / "dir/manifest.json", "{}");
  EXPECT_THAT(failure("dir"), HasSubstr("skopeo copy dir:"));
  // A system may have a file of any name.
  write_text(directory_ / "root/umoci.json", "{}");
  write_text(directory_ / "root/etc/a", "x");
  EXPECT_EQ(failure("root"), "no failure");
}

TEST_F(Recognised, FormatsOfOthersAreKnownHoweverLargeTheyAre) {
  for (const auto& [mark, name] :
       {std::pair{"metadata.yaml", "LXD"}, {"umoci.json", "umoci"}, {"config.json", "runc"}}) {
    TarBuilder tar;
    tar.file(mark, "x");
    for (int i = 0; i < 200; ++i) tar.file("rootfs/usr/" + std::to_string(i), "x");
    const auto archive = tar.finish();
    EXPECT_THAT(failure_of([&] { content(archive); }),
                AllOf(HasSubstr(name), HasSubstr("dir:DIRECTORY/rootfs")));
    EXPECT_THAT(failure_of([&] { content_of_pipe(archive); }), HasSubstr(name));
  }
  TarBuilder half;
  half.file("metadata.yaml", "x").file("templates/hostname.tpl", "x");
  EXPECT_THAT(failure_of([&] { content(half.finish()); }),
              AllOf(HasSubstr("without its files"), HasSubstr("rootfs.tar.xz")));
}

TEST_F(Recognised, RootFilesystemsMayHaveHolesAndFilesTwice) {
  TarBuilder twice;
  twice.file(".bashrc", "1").file(".bashrc", "2").file("etc/a", "x");
  const auto archive = twice.finish();
  EXPECT_EQ(content(archive), "x");
  EXPECT_EQ(content_of_pipe(archive), "x");
  TarBuilder sparse;
  sparse.file("swapfile", std::string(4096, 'x'), 0600, [](archive_entry* entry) {
    ::archive_entry_sparse_add_entry(entry, 0, 4096);
    ::archive_entry_set_size(entry, 1 << 20);
  });
  sparse.file("etc/a", "x");
  EXPECT_EQ(content(sparse.finish()), "x");
}

TEST_F(Recognised, DirectoryOfASystemIsARootFilesystemWhateverElseIsInIt) {
  write_text(directory_ / "root/etc/a", "x");
  write_text(directory_ / "root/oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  write_text(directory_ / "root/index.json", "{}");
  EXPECT_THAT(open_path((directory_ / "root").string())->description(),
              testing::StartsWith("directory "));
}

TEST_F(Recognised, ListThatIsBrokenIsNotCalledMissing) {
  const auto failure_with = [&](const std::string& list, bool with_repositories) {
    TarBuilder tar;
    tar.file("manifest.json", list).file("abc/layer.tar", layer_of_a());
    if (with_repositories) tar.file("repositories", "{}");
    return failure_of([&] { content(tar.finish()); });
  };
  for (const bool with_repositories : {false, true}) {
    EXPECT_THAT(failure_with("[{", with_repositories), HasSubstr("manifest.json: it is no JSON"));
    EXPECT_THAT(failure_with("[]", with_repositories), HasSubstr("there is no image in it"));
    EXPECT_THAT(failure_with("[null]", with_repositories), HasSubstr("has no Config"));
  }
}

TEST_F(Recognised, OtherFilesAreNamedAsWhatTheyAre) {
  std::string disk(64 * 1024, '\0');
  std::string ext = disk;
  ext.replace(1080, 2, "\x53\xef");
  std::string iso = disk;
  iso.replace(32769, 5, "CD001");
  const std::vector<std::pair<std::string, std::string>> files{
      {"", "archive is empty"},
      {"Error response from daemon\n", "is text: 'Error response from daemon'"},
      {"PK\x03\x04" + std::string(100, 'x'), "is a zip archive"},
      {"\x7f"
       "ELF\x02\x01",
       "is a program"},
      {"070701" + std::string(600, '0'), "is a cpio archive"},
      {"hsqs\x01", "is a squashfs"},
      {"QFI\xfb\x01", "is a disk image (qcow2)"},
      {disk, "begins with zeros"},
      {ext, "ext4 filesystem"},
      {iso, "ISO 9660"},
      {std::string(10240, '\0'), "is an archive without a file in it"},
      {dboot::compressed(ARCHIVE_FILTER_GZIP, dboot::compressed(ARCHIVE_FILTER_GZIP, "x")),
       "is compressed twice"},
  };
  for (const auto& [bytes, words] : files) {
    EXPECT_THAT(failure_of([&] { content(bytes); }), HasSubstr(words));
    EXPECT_THAT(failure_of([&] { content_of_pipe(bytes); }),
                HasSubstr(bytes.empty() ? "standard input is empty" : words));
  }
}

TEST_F(Recognised, WhatIsBrokenIsToldAlikeOfAFileAndAPipe) {
  const auto archive = TarBuilder().file("etc/a", std::string(100'000, 'x')).finish();
  const auto broken = archive.substr(0, 600) + std::string(2000, '\x01');
  EXPECT_THAT(failure_of([&] { content(std::string(1000, '\x02')); }),
              HasSubstr("is no archive that can be read: "));
  EXPECT_THAT(failure_of([&] { content_of_pipe(std::string(1000, '\x02')); }),
              HasSubstr("standard input is no archive that can be read: "));
  EXPECT_NE(failure_of([&] { content(broken); }), "no failure");
}

TEST(StandardInput, MayBeForcedToBeARootFilesystem) {
  const auto saved =
      TarBuilder().file("etc/a", "from the image").file("manifest.json", "[]").finish();
  EXPECT_EQ(failure_of_standard_input("tar:-", saved), "no failure");
}

TEST_F(Recognised, OwnersThatLinuxDoesNotKnowAreRefused) {
  const auto owned_by = [&](la_int64_t owner) {
    return failure_of([&] {
      content(TarBuilder()
                  .file("etc/a", "x", 0644,
                        [&](archive_entry* entry) { ::archive_entry_set_uid(entry, owner); })
                  .finish());
    });
  };
  EXPECT_EQ(owned_by(4294967294), "no failure");
  EXPECT_THAT(owned_by(4294967296),
              AllOf(HasSubstr("its owner 4294967296 is none that Linux knows"),
                    HasSubstr("tar --numeric-owner")));
  EXPECT_THAT(owned_by(4294967295), HasSubstr("etc/a"));
}

TEST_F(Recognised, NamesThatAreTooLongAreNamedInALineThatIsShort) {
  for (const std::string& name :
       {"etc/" + std::string(300, 'n'), std::string(2000, 'p').append("/").append(2500, 'q')}) {
    const auto failure =
        failure_of([&] { content(TarBuilder().file("etc/a", "").file(name, "x").finish()); });
    EXPECT_THAT(failure, AllOf(HasSubstr("more than 255 bytes"), HasSubstr("a shorter one")));
    EXPECT_LT(failure.size(), 600U);
  }
}

TEST_F(Recognised, LayersWithoutAByteChangeNothing) {
  const auto layer = layer_of_a();
  const std::string config = R"({"os":"linux","architecture":"amd64","rootfs":{"diff_ids":[)" +
                             quoted(to_string(digest_of(layer))) + "," +
                             quoted(to_string(digest_of(""))) + "]}}";
  TarBuilder tar;
  tar.file("c", config).file("l", layer).file("none", "");
  tar.file("manifest.json", R"([{"Config":"c","Layers":["l","none"]}])");
  expect_image(tar.finish());
}

TEST(StandardInput, IsReadAsWhatItIsSaidToBeAndMendsCanBeTyped) {
  const auto layer = layer_of_a();
  TarBuilder one;
  one.file("c", config_of(layer)).file("l", layer).file("manifest.json", list_of("c", "l"));
  const auto saved = one.finish();
  for (const char* image : {"-", "docker-archive:-", "docker-archive:-:a:1"})
    EXPECT_EQ(failure_of_standard_input(image, saved), "no failure") << image;
  TarBuilder two;
  two.file("c", config_of(layer)).file("l", layer);
  two.file("manifest.json", R"([{"Config":"c","RepoTags":["a:1"],"Layers":["l"]},)"
                            R"({"Config":"c","RepoTags":["b:2"],"Layers":["l"]}])");
  const auto several = two.finish();
  for (const char* image : {"-", "docker-archive:-"})
    EXPECT_THAT(failure_of_standard_input(image, several), HasSubstr("docker-archive:-:REF"));
  EXPECT_EQ(failure_of_standard_input("docker-archive:-:b:2", several), "no failure");
  EXPECT_THAT(failure_of_standard_input("oci-archive:-", several), HasSubstr("oci-layout"));
}

TEST(Config, CommandsAreListsOrShellForms) {
  const auto config = [](const std::string& text) {
    return parse_config_file(R"({"config":{)" + text + "}}").config;
  };
  EXPECT_THAT(config(R"("Entrypoint":[""],"Cmd":["/c"])").entrypoint, IsEmpty());
  EXPECT_THAT(config(R"("Entrypoint":"exec /e $A")").entrypoint,
              ElementsAre("/bin/sh", "-c", "exec /e $A"));
  EXPECT_THAT(config(R"("Cmd":"/c")").cmd, ElementsAre("/bin/sh", "-c", "/c"));
  EXPECT_THAT(config(R"("Entrypoint":"","Cmd":null)").entrypoint, IsEmpty());
  EXPECT_THAT(config(R"("Entrypoint":["","x"])").entrypoint, ElementsAre("", "x"));
}

}  // namespace
}  // namespace dboot::image
