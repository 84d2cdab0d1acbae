#include "injector/archive/docker_archive.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "injector/archive/members.hpp"
#include "injector/archive/recognise.hpp"
#include "injector/archive/spool.hpp"
#include "injector/document/json.hpp"
#include "injector/failure.hpp"
#include "injector/stream/file_stream.hpp"
#include "tests/support/failure_of.hpp"
#include "tests/support/image_builder.hpp"

namespace dboot::image {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string digest(const std::string& bytes) {
  return to_string(digest_of(bytes));
}

std::string hex(const std::string& bytes) {
  return digest_of(bytes).hexadecimal;
}

std::string layer_with(const std::string& name, const std::string& content) {
  return TarBuilder().file(name, content).finish();
}

/// As JSON; appended, because GCC 12 warns of what it makes of "literal" + std::string().
std::string quoted(const std::string& text) {
  return std::string("\"").append(text).append("\"");
}

std::string config_of(const std::vector<std::string>& layers) {
  std::string list;
  for (const auto& layer : layers)
    list.append(list.empty() ? "" : ",").append(quoted(digest(layer)));
  return R"({"os":"linux","architecture":"amd64","config":{"Cmd":["/c"]},"rootfs":{"diff_ids":[)" +
         list + "]}}";
}

std::string entry(const std::string& config, const std::string& layers,
                  const std::string& tags = R"(["a:1"])") {
  return R"({"Config":")" + config + R"(","RepoTags":)" + tags + R"(,"Layers":[)" + layers + "]}";
}

/// manifest.json.
std::string list(const std::string& entries) {
  return std::string("[").append(entries).append("]");
}

/// As docker save before version 25 writes it: the same layer a second time as a link.
std::string saved(int filter = ARCHIVE_FILTER_NONE) {
  const std::string lower = layer_with("a", "lower");
  const std::string upper = layer_with("a", "upper");
  const std::string config = config_of({lower, upper, lower, upper});
  const std::string one(64, '1');
  const std::string two(64, '2');
  const std::string three(64, '3');
  const std::string four(64, '4');
  TarBuilder tar(filter);
  tar.directory(one).file(one + "/VERSION", "1.0").file(one + "/json", "{}");
  tar.file(one + "/layer.tar", lower).directory(two).file(two + "/layer.tar", upper);
  tar.directory(three).symlink(three + "/layer.tar", "../" + one + "/layer.tar");
  tar.hardlink(four + ".tar", two + "/layer.tar");
  tar.file(hex(config) + ".json", config);
  tar.file("manifest.json",
           list(entry(hex(config) + ".json",
                      quoted(one + "/layer.tar") + "," + quoted(two + "/layer.tar") + "," +
                          quoted(three + "/layer.tar") + "," + quoted(four + ".tar"))));
  return tar.finish();
}

class DockerArchive : public testing::Test {
 protected:
  std::string write(const std::string& bytes) {
    write_text(directory / "image.tar", bytes);
    return (directory / "image.tar").string();
  }
  void unpack(Source& source) {
    Progress progress(0);
    source.unpack(dboot::open_directory(root.path()).get(), progress);
  }
  std::string failure(const std::string& archive, const std::string& image = {}) {
    return failure_of([&] { unpack(*open_docker_archive(write(archive), image)); });
  }

  TemporaryDirectory directory;
  TemporaryDirectory root;
};

TEST_F(DockerArchive, LayersThatAreLinksAreAppliedWhereTheyAreNamed) {
  for (const int filter : {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD}) {
    const auto source = open_docker_archive(write(saved(filter)), "a:1");
    EXPECT_EQ(source->config().cmd, std::vector<std::string>{"/c"});
    unpack(*source);
    EXPECT_EQ(read_text(root / "a"), "upper") << filter;
    std::filesystem::remove(root / "a");
  }
}

TEST_F(DockerArchive, LayersOfDocker25AreVerifiedAsTheyAreStored) {
  const std::string layer = layer_with("a", "1");
  const std::string config = config_of({layer});
  const std::string blobs = "blobs/sha256/";
  const auto archive = [&](const std::string& stored) {
    return TarBuilder()
        .file(blobs + hex(layer), stored)
        .file(blobs + hex(config), config)
        .file("manifest.json", list(entry(blobs + hex(config), quoted(blobs + hex(layer)))))
        .finish();
  };
  EXPECT_EQ(failure(archive(layer)), "no failure");
  EXPECT_THAT(failure(archive(layer_with("a", "2"))), HasSubstr(hex(layer)));
}

TEST_F(DockerArchive, LayersAndConfigsThatAreNotWhatTheyAreSaidToBeAreNamed) {
  const std::string layer = layer_with("a", "1");
  const std::string other = layer_with("a", "2");
  const std::string config = config_of({layer});
  const auto archive = [&](const std::string& config_bytes, const std::string& layer_bytes) {
    return TarBuilder()
        .file(hex(config) + ".json", config_bytes)
        .file("x/layer.tar", layer_bytes)
        .file("manifest.json", list(entry(hex(config) + ".json", R"("x/layer.tar")")))
        .finish();
  };
  EXPECT_EQ(failure(archive(config, layer)), "no failure");
  EXPECT_THAT(failure(archive(config, other)),
              AllOf(HasSubstr("x/layer.tar"), HasSubstr(digest(layer))));
  EXPECT_THAT(failure(archive(config + " ", layer)), HasSubstr("digest of the config"));
}

TEST_F(DockerArchive, OneOfSeveralIsNamed) {
  const std::string layer = layer_with("a", "1");
  const std::string config = config_of({layer});
  const std::string archive =
      TarBuilder()
          .file("c", config)
          .file("l", layer)
          .file("manifest.json",
                list(entry("c", R"("l")", R"(["a:1"])") + "," + entry("c", R"("l")", R"(["b:2"])")))
          .finish();
  EXPECT_THAT(failure(archive), AllOf(HasSubstr("@0 a:1, @1 b:2"), HasSubstr("image.tar:REF")));
  EXPECT_EQ(failure(archive, "b:2"), "no failure");
  EXPECT_EQ(failure(archive, "@1"), "no failure");
  EXPECT_THAT(failure(archive, "c"), HasSubstr("b:2"));
}

TEST_F(DockerArchive, IncompleteOnesAreRefusedWithWhatIsMissing) {
  const std::string layer = layer_with("a", "1");
  const auto with = [&](const std::string& list) {
    return failure(TarBuilder()
                       .file("c", config_of({layer}))
                       .file("l", layer)
                       .symlink("out", "../../../etc/passwd")
                       .symlink("loop", "loop")
                       .file("manifest.json", list)
                       .finish());
  };
  EXPECT_THAT(with("[]"), HasSubstr("no image"));
  EXPECT_THAT(with("["), AllOf(HasSubstr("manifest.json"), HasSubstr("no JSON")));
  EXPECT_THAT(with(list(entry("x", R"("l")"))), HasSubstr("config x is missing"));
  EXPECT_THAT(with(list(entry("c", R"("x")"))), HasSubstr("layer x is missing"));
  EXPECT_THAT(with(list(entry("c", R"("l","l")"))), HasSubstr("1 layers"));
  EXPECT_THAT(with(list(entry("c", ""))), HasSubstr("no layers"));
  for (const char* name : {"out", "loop", "/etc/passwd", "../l", "manifest.json/.."}) {
    EXPECT_THAT(with(list(entry("c", quoted(name)))), HasSubstr("missing")) << name;
    EXPECT_THAT(with(list(entry(name, R"("l")"))), HasSubstr("missing")) << name;
  }
  EXPECT_THAT(failure(TarBuilder().file("x", "y").finish()), HasSubstr("manifest.json is missing"));
}

TEST_F(DockerArchive, TwoMembersOfOneNameAreRefused) {
  EXPECT_THAT(
      failure(TarBuilder().file("manifest.json", "[]").file("./manifest.json", "[]").finish()),
      HasSubstr("two members of the name manifest.json"));
}

TEST_F(DockerArchive, EveryTruncationIsRefused) {
  const std::string whole = saved();
  const auto end = whole.find("manifest.json");
  for (std::size_t size = 0; size < end; size += 512) {
    EXPECT_NE(failure(whole.substr(0, size)), "no failure") << size;
  }
}

TEST_F(DockerArchive, DamagedHeaderIsRefusedAndNotSkipped) {
  std::string archive = saved();
  const auto header = archive.find("1/VERSION");
  ASSERT_NE(header, std::string::npos);
  archive[header] = '2';
  EXPECT_NE(failure(archive), "no failure");
}

TEST(Members, NamesAreNormalAndStayInside) {
  EXPECT_EQ(member_name("./a//b/"), "a/b");
  EXPECT_EQ(member_name("a/../b"), "b");
  EXPECT_EQ(member_name("//a"), "a");
  for (const char* name : {"", ".", "./", "/", "..", "../a", "/../a", "a/../../b"})
    EXPECT_EQ(member_name(name), "") << name;
}

/// Standard input, as it were.
class Pipe {
 public:
  explicit Pipe(std::string bytes) : bytes_(std::move(bytes)) {
    std::array<int, 2> ends{};
    sys::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
    read_end_.reset(ends[0]);
    write_end_.reset(ends[1]);
    thread_ = std::thread([this] {
      for (std::size_t sent = 0; sent < bytes_.size();) {
        const ssize_t count =
            ::send(write_end_.get(), bytes_.data() + sent, bytes_.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) break;
        sent += static_cast<std::size_t>(count);
      }
      write_end_.reset();
    });
  }
  ~Pipe() {
    read_end_.reset();
    thread_.join();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  UniqueFd take() { return std::move(read_end_); }

 private:
  std::string bytes_;
  UniqueFd read_end_;
  UniqueFd write_end_;
  std::thread thread_;
};

class ByContent : public DockerArchive {
 protected:
  /// The content of "a" after unpacking it, as a file and as a stream.
  std::string unpacked(const std::string& bytes) {
    const auto source = open_path(write(bytes));
    unpack(*source);
    const std::string as_file = read_text(root / "a");
    std::filesystem::remove(root / "a");
    Pipe pipe(bytes);
    unpack(*open_by_content(pipe.take(), "standard input"));
    const std::string as_stream = read_text(root / "a");
    std::filesystem::remove(root / "a");
    EXPECT_EQ(as_file, as_stream);
    return as_file;
  }
};

TEST_F(ByContent, ArchivesAreRecognisedInAnyCompression) {
  const TemporaryDirectory layout_directory;
  LayoutBuilder layout(layout_directory.path());
  layout.finish({layout.image({{layer_with("a", "oci")}})});
  for (const int filter : {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD,
                           ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_BZIP2, ARCHIVE_FILTER_LZ4}) {
    EXPECT_EQ(unpacked(saved(filter)), "upper");
    EXPECT_EQ(unpacked(layout.tar(filter)), "oci");
    EXPECT_EQ(unpacked(TarBuilder(filter).directory("./").file("./a", "root").finish()), "root");
    EXPECT_EQ(unpacked(TarBuilder(filter).file("a", std::string(3'000'000, 'x')).finish()).size(),
              3'000'000U);
  }
}

TEST_F(ByContent, ArchiveThatIsBothIsTakenAsALayout) {
  const TemporaryDirectory layout_directory;
  LayoutBuilder layout(layout_directory.path());
  layout.finish({layout.image({{layer_with("a", "oci")}})});
  write_text(layout_directory / "manifest.json", "[]");
  EXPECT_EQ(unpacked(layout.tar()), "oci");
}

TEST_F(ByContent, LayoutDirectoryIsOne) {
  LayoutBuilder layout(directory.path());
  layout.finish({layout.image({{layer_with("a", "oci")}})});
  unpack(*open_path(directory.path().string()));
  EXPECT_EQ(read_text(root / "a"), "oci");
}

TEST_F(ByContent, StreamThatBreaksOffIsAFailure) {
  const std::string root_archive =
      TarBuilder().file("a", std::string(3'000'000, 'x')).file("b", "y").finish();
  for (const std::string& bytes : {saved().substr(0, 3000), root_archive.substr(0, 2'000'000),
                                   std::string(), std::string(5000, 'x')}) {
    Pipe pipe(bytes);
    EXPECT_NE(failure_of([&] { unpack(*open_by_content(pipe.take(), "standard input")); }),
              "no failure");
  }
}

TEST_F(ByContent, WhatIsNeitherFileNorPipeIsRefused) {
  EXPECT_THAT(failure_of([] { open_path("/dev/null"); }), HasSubstr("no file"));
  EXPECT_THAT(failure_of([] { open_path("/nonexistent"); }), HasSubstr("No such file"));
}

TEST(Spool, KeepsNoMoreThanItMay) {
  Pipe pipe(std::string(100'000, 'x'));
  Spool spool(file_stream(pipe.take(), "x"), 50'000);
  EXPECT_THAT(failure_of([&] { std::move(spool).whole(); }),
              AllOf(HasSubstr("48.8 KiB"), HasSubstr("save it to a file")));
}

}  // namespace
}  // namespace dboot::image
