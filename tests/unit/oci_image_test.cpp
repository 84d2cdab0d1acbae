#include "injector/archive/oci_image.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "injector/archive/file_set.hpp"
#include "tests/support/failure_of.hpp"
#include "tests/support/image_builder.hpp"

namespace dboot::image {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string platform(const std::string& architecture) {
  return R"(,"platform":{"os":"linux","architecture":")" + architecture + "\"}";
}

std::string named(const std::string& name) {
  return R"(,"annotations":{"org.opencontainers.image.ref.name":")" + name + "\"}";
}

std::string file_layer(const std::string& name, const std::string& content,
                       int filter = ARCHIVE_FILTER_NONE) {
  return TarBuilder(filter).file(name, content).finish();
}

class OciImage : public testing::Test {
 protected:
  /// Unpacks it into `root`.
  void unpack(Source& source) {
    Progress progress(0);
    source.unpack(open_root().get(), progress);
  }
  UniqueFd open_root() const { return dboot::open_directory(root.path()); }
  std::string open_failure(const std::string& image = {}) {
    return failure_of([&] { open_oci_layout(layout_path(), image); });
  }
  std::string unpack_failure() {
    return failure_of([&] { unpack(*open_oci_layout(layout_path(), "")); });
  }
  std::string layout_path() const { return directory.path().string(); }
  bool root_is_empty() const { return std::filesystem::is_empty(root.path()); }

  TemporaryDirectory directory;
  TemporaryDirectory root;
  LayoutBuilder layout{directory.path()};
};

TEST_F(OciImage, LayersAndConfigAreItsOwn) {
  layout.finish({layout.image({{file_layer("a", "lower")}, {file_layer("a", "upper")}}, {},
                              R"("Entrypoint":["/e"],"Cmd":["c"],"Env":["A=1"],"User":"u")")});
  const auto source = open_oci_layout(layout_path(), "");
  EXPECT_THAT(source->config().entrypoint, ElementsAre("/e"));
  EXPECT_THAT(source->config().env, ElementsAre("A=1"));
  EXPECT_EQ(source->config().architecture, "amd64");
  EXPECT_THAT(source->description(), HasSubstr("oci:" + layout_path()));
  unpack(*source);
  EXPECT_EQ(read_text(root / "a"), "upper");
}

TEST_F(OciImage, EveryCompressionIsUnpacked) {
  const std::vector<std::pair<int, std::string>> filters{
      {ARCHIVE_FILTER_NONE, ""},  {ARCHIVE_FILTER_GZIP, "+gzip"},   {ARCHIVE_FILTER_ZSTD, "+zstd"},
      {ARCHIVE_FILTER_XZ, "+xz"}, {ARCHIVE_FILTER_BZIP2, "+bzip2"}, {ARCHIVE_FILTER_LZ4, "+lz4"}};
  std::vector<LayoutBuilder::Layer> layers;
  for (const auto& [filter, suffix] : filters) {
    const std::string name = "f" + suffix;
    layers.push_back({file_layer(name, "x", filter), file_layer(name, "x"),
                      "application/vnd.oci.image.layer.v1.tar" + suffix});
  }
  layout.finish({layout.image(layers)});
  unpack(*open_oci_layout(layout_path(), ""));
  for (const auto& [filter, suffix] : filters) EXPECT_EQ(read_text(root / ("f" + suffix)), "x");
}

TEST_F(OciImage, SizeIsThatOfTheContents) {
  const std::string content(300'000, 'x');
  const auto size_with = [&](int filter, const std::string& type) {
    layout.finish({layout.image({{file_layer("a", content, filter), file_layer("a", content),
                                  "application/vnd.oci.image.layer.v1.tar" + type}})});
    return open_oci_layout(layout_path(), "")->estimated_bytes();
  };
  EXPECT_GE(size_with(ARCHIVE_FILTER_NONE, ""), 300'000U);
  EXPECT_GE(size_with(ARCHIVE_FILTER_GZIP, "+gzip"), 300'000U);
  EXPECT_GT(size_with(ARCHIVE_FILTER_XZ, "+xz"), 0U);
}

TEST_F(OciImage, NestedIndexGivesTheRunningPlatform) {
  const auto arm = layout.image({{file_layer("a", "arm")}}, platform("arm64"), "", "arm64");
  const auto own = layout.image({{file_layer("a", "amd")}}, platform("amd64"));
  layout.finish({layout.index({arm, own}, named("v1"))});
  unpack(*open_oci_layout(layout_path(), "v1"));
  EXPECT_EQ(read_text(root / "a"), "amd");
}

TEST_F(OciImage, OfSeveralVariantsOneThatIsThereIsTaken) {
  const auto own = layout.image({{file_layer("a", "amd")}}, platform("amd64"));
  const std::string better =
      R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":")" +
      LayoutBuilder::digest("elsewhere") +
      R"(","platform":{"os":"linux","architecture":"amd64","variant":"v2"}})";
  layout.finish({layout.index({better, own})});
  unpack(*open_oci_layout(layout_path(), ""));
  EXPECT_EQ(read_text(root / "a"), "amd");
}

TEST(Reference, OfAPathWithAColonIsToldWithARedirection) {
  EXPECT_EQ(with_ref("oci:layout"), "oci:layout:REF");
  EXPECT_EQ(with_ref("docker-archive:./a:b.tar"), "docker-archive:-:REF <./a:b.tar");
}

TEST_F(OciImage, MissingPlatformIsAnErrorThatListsWhatIsThere) {
  const auto arm = layout.image({{file_layer("a", "1")}}, platform("arm64"), "", "arm64");
  const auto power = layout.image({{file_layer("a", "2")}}, platform("ppc64le"), "", "ppc64le");
  layout.finish({layout.index({arm, power})});
  EXPECT_THAT(open_failure(), AllOf(HasSubstr("linux/arm64"), HasSubstr("linux/ppc64le"),
                                    HasSubstr("linux/amd64"), HasSubstr("--platform linux/")));
}

TEST_F(OciImage, ConfigForAnotherMachineIsRefused) {
  layout.finish({layout.image({{file_layer("a", "1")}}, {}, "", "s390x")});
  EXPECT_THAT(open_failure(), AllOf(HasSubstr("s390x"), HasSubstr("amd64")));
}

TEST_F(OciImage, OneOfSeveralIsNamed) {
  layout.finish({layout.image({{file_layer("a", "1")}}, named("v1")),
                 layout.image({{file_layer("a", "2")}}, named("v2"))});
  EXPECT_THAT(open_failure(),
              AllOf(HasSubstr("v1, v2"), HasSubstr("oci:" + layout_path() + ":REF")));
  EXPECT_THAT(open_failure("v3"), HasSubstr("v1, v2"));
  unpack(*open_oci_layout(layout_path(), "v2"));
  EXPECT_EQ(read_text(root / "a"), "2");
}

TEST_F(OciImage, DigestThatIsWrongOnlyAtTheEndNamesTheBlob) {
  // The last byte is one of the zeros after the archive.
  const std::string right = file_layer("a", "1") + std::string(4096, '\0');
  layout.finish({layout.image({{right}})});
  std::string wrong = right;
  wrong.back() = 'x';
  write_text(layout.blob_path(LayoutBuilder::digest(right)), wrong);
  EXPECT_THAT(unpack_failure(), AllOf(HasSubstr(LayoutBuilder::digest(right)),
                                      HasSubstr(LayoutBuilder::digest(wrong))));
}

TEST_F(OciImage, BlobThatDiffersWhereItsContentDoesNotIsNoticed) {
  const std::string right = file_layer("a", "1", ARCHIVE_FILTER_GZIP);
  std::string wrong = right;
  wrong[4] ^= 1;  // the time in gzip's header, which nobody looks at
  layout.finish({layout.image(
      {{right, file_layer("a", "1"), "application/vnd.oci.image.layer.v1.tar+gzip"}})});
  write_text(layout.blob_path(LayoutBuilder::digest(right)), wrong);
  EXPECT_THAT(unpack_failure(), HasSubstr(LayoutBuilder::digest(right)));
}

TEST_F(OciImage, BlobThatIsTooShortTooLongOrMissingIsRefusedBeforeAnythingIsWritten) {
  const std::string layer = file_layer("a", "1");
  const auto path = layout.blob_path(LayoutBuilder::digest(layer));
  layout.finish({layout.image({{layer}})});
  for (const std::string& bytes : {layer.substr(0, 100), layer + "x", std::string()}) {
    write_text(path, bytes);
    EXPECT_THAT(open_failure(),
                AllOf(HasSubstr(LayoutBuilder::digest(layer)), HasSubstr("bytes instead of")));
  }
  std::filesystem::remove(path);
  EXPECT_THAT(open_failure(), AllOf(HasSubstr(LayoutBuilder::digest(layer)), HasSubstr("missing")));
  EXPECT_TRUE(root_is_empty());
}

TEST_F(OciImage, ManifestAndConfigAreVerifiedToo) {
  layout.finish({layout.image({{file_layer("a", "1")}})});
  for (const auto& entry : std::filesystem::directory_iterator(directory / "blobs/sha256")) {
    const std::string right = read_text(entry.path());
    std::string wrong = right;
    wrong[wrong.size() / 2] ^= 1;
    write_text(entry.path(), wrong);
    EXPECT_THAT(unpack_failure(), HasSubstr(LayoutBuilder::digest(right))) << right.substr(0, 80);
    write_text(entry.path(), right);
  }
  EXPECT_EQ(unpack_failure(), "no failure");
}

TEST_F(OciImage, DigestThatIsAPathIsNoDigest) {
  write_text(directory / "secret", "{}");
  layout.finish({R"({"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
                 R"("digest":"sha256:../../secret","size":2})"});
  EXPECT_THAT(open_failure(), HasSubstr("no sha256"));
}

TEST_F(OciImage, BlobThatIsALinkOutOfTheLayoutIsNotRead) {
  const TemporaryDirectory outside;
  const std::string layer = file_layer("a", "1");
  write_text(outside / "layer", layer);
  const auto path = layout.blob_path(LayoutBuilder::digest(layer));
  layout.finish({layout.image({{layer}})});
  std::filesystem::remove(path);
  std::filesystem::create_symlink(outside / "layer", path);
  EXPECT_THAT(open_failure(), HasSubstr("a link that leads out of these files"));
}

TEST_F(OciImage, IndexesBelowEachOtherWithoutEndAreRefused) {
  auto entry = layout.image({{file_layer("a", "1")}});
  for (int depth = 0; depth < 7; ++depth) entry = layout.index({entry});
  layout.finish({entry});
  EXPECT_EQ(open_failure(), "no failure");
  for (int depth = 0; depth < 3; ++depth) entry = layout.index({entry});
  layout.finish({entry});
  EXPECT_THAT(open_failure(), HasSubstr("too deep"));
}

TEST_F(OciImage, LayersAndDiffIdsMustBeAsMany) {
  const std::string layer = file_layer("a", "1");
  const auto config =
      layout.blob(R"({"os":"linux","architecture":"amd64","rootfs":{"diff_ids":[]}})",
                  "application/vnd.oci.image.config.v1+json");
  layout.finish(
      {layout.blob(R"({"schemaVersion":2,"config":)" + config + R"(,"layers":[)" +
                       layout.blob(layer, "application/vnd.oci.image.layer.v1.tar") + "]}",
                   "application/vnd.oci.image.manifest.v1+json")});
  EXPECT_THAT(open_failure(), AllOf(HasSubstr("0 layers"), HasSubstr("of 1")));
}

TEST_F(OciImage, WhatIsNoLayoutIsRefusedWithTheReason) {
  layout.finish({layout.image({{file_layer("a", "1")}})});
  write_text(directory / "index.json", "{");
  EXPECT_THAT(open_failure(), AllOf(HasSubstr("index.json"), HasSubstr("no JSON")));
  write_text(directory / "index.json", std::string(5U << 20U, ' '));
  EXPECT_THAT(open_failure(), AllOf(HasSubstr("index.json"), HasSubstr("4.0 MiB")));
  std::filesystem::remove(directory / "index.json");
  EXPECT_THAT(open_failure(), AllOf(HasSubstr("index.json"), HasSubstr("missing")));
  write_text(directory / "oci-layout", R"({"imageLayoutVersion":"2.0.0"})");
  EXPECT_THAT(open_failure(), HasSubstr("2.0.0"));
  std::filesystem::remove(directory / "oci-layout");
  EXPECT_THAT(open_failure(), HasSubstr("oci-layout"));
  EXPECT_THAT(failure_of([] { open_oci_layout("/nonexistent", ""); }), HasSubstr("/nonexistent"));
  EXPECT_THAT(failure_of([&] { open_oci_layout((directory / "oci-layout").string(), ""); }),
              Not(HasSubstr("no failure")));
}

TEST_F(OciImage, ArchiveOfALayoutIsTheSame) {
  layout.finish({layout.image({{file_layer("a", "lower")}, {file_layer("b", "upper")}})});
  for (const int filter : {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD}) {
    const TemporaryDirectory target;
    const TemporaryDirectory archives;
    write_text(archives / "image.tar", layout.tar(filter));
    const auto source = open_oci_archive((archives / "image.tar").string(), "");
    Progress progress(0);
    source->unpack(dboot::open_directory(target.path()).get(), progress);
    EXPECT_EQ(read_text(target / "a") + read_text(target / "b"), "lowerupper") << filter;
  }
}

TEST_F(OciImage, ArchiveThatEndsTooEarlyIsRefused) {
  layout.finish({layout.image({{file_layer("a", std::string(100'000, 'x'))}})});
  const TemporaryDirectory archives;
  const std::string whole = layout.tar();
  for (const std::size_t size : {whole.size() / 2, std::size_t{700}, std::size_t{1}}) {
    write_text(archives / "image.tar", whole.substr(0, size));
    EXPECT_THAT(failure_of([&] { open_oci_archive((archives / "image.tar").string(), ""); }),
                AllOf(HasSubstr("image.tar"), Not(HasSubstr("no failure"))))
        << size;
  }
}

}  // namespace
}  // namespace dboot::image
