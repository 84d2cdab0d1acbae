#include "injector/document/manifest.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "injector/document/json.hpp"
#include "injector/document/saved_images.hpp"

namespace dboot::image {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const Platform amd64{"linux", "amd64", "v3"};
constexpr const char* docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr const char* docker_list = "application/vnd.docker.distribution.manifest.list.v2+json";

std::string refusal_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const BadDocument& error) {
    return error.what();
  }
  return "not refused";
}

std::string digest(char digit) {
  return "sha256:" + std::string(64, digit);
}

std::string descriptor(const std::string& media_type, char digit, const std::string& more = {}) {
  return R"({"mediaType":")" + media_type + R"(","digest":")" + digest(digit) + R"(","size":7)" +
         more + "}";
}

std::string on(const std::string& architecture, const std::string& variant = {}) {
  return R"(,"platform":{"os":"linux","architecture":")" + architecture + R"(","variant":")" +
         variant + "\"}";
}

std::string called(const std::string& name) {
  return R"(,"annotations":{"org.opencontainers.image.ref.name":")" + name + "\"}";
}

std::string index_of(const std::vector<std::string>& entries) {
  std::string list;
  for (const auto& entry : entries) list += (list.empty() ? "" : ",") + entry;
  return R"({"schemaVersion":2,"manifests":[)" + list + "]}";
}

/// The digit of the digest that is chosen, or why none is.
std::string chosen(const std::vector<std::string>& entries, const std::string& name = {},
                   const Platform& running = amd64) {
  try {
    const auto index = parse_index(index_of(entries), media_type::oci_index);
    return choose(index, name, running).digest.hexadecimal.substr(0, 1);
  } catch (const BadDocument& error) {
    return error.what();
  }
}

std::string entry(char digit, const std::string& more = {}) {
  return descriptor(media_type::oci_manifest, digit, more);
}

constexpr const char* config_type = "application/vnd.oci.image.config.v1+json";
constexpr const char* layer_type = "application/vnd.oci.image.layer.v1.tar+gzip";

std::string manifest_of(const std::string& config, const std::string& layers) {
  return R"({"schemaVersion":2,"config":)" + config + R"(,"layers":[)" + layers + "]}";
}

std::string refusal_of_manifest(const std::string& text) {
  return refusal_of([&] { parse_manifest(text, media_type::oci_manifest); });
}

std::string refusal_of_layer(const std::string& media_type) {
  return refusal_of_manifest(
      manifest_of(descriptor(config_type, 'c'), descriptor(media_type, '1')));
}

TEST(DocumentType, IsWhatTheMediaTypeSays) {
  EXPECT_EQ(document_type(media_type::oci_index), DocumentType::index);
  EXPECT_EQ(document_type(docker_list), DocumentType::index);
  EXPECT_EQ(document_type(media_type::oci_manifest), DocumentType::manifest);
  EXPECT_EQ(document_type(docker_manifest), DocumentType::manifest);
  EXPECT_THAT(refusal_of([] {
                document_type("application/vnd.docker.distribution.manifest.v1+prettyjws");
              }),
              HasSubstr("schema 1"));
  EXPECT_THAT(refusal_of([] { document_type("text/html"); }), HasSubstr("'text/html'"));
  EXPECT_THAT(refusal_of([] { document_type(""); }), HasSubstr("''"));
}

TEST(Manifest, ConfigAndLayersAreRead) {
  const auto manifest = parse_manifest(
      manifest_of(descriptor(config_type, 'c'),
                  descriptor(layer_type, '1') + "," +
                      descriptor("application/vnd.oci.image.layer.v1.tar+zstd", '2') + "," +
                      descriptor("application/vnd.oci.image.layer.v1.tar", '3')),
      media_type::oci_manifest);
  EXPECT_EQ(to_string(manifest.config.digest), digest('c'));
  ASSERT_EQ(manifest.layers.size(), 3U);
  EXPECT_EQ(to_string(manifest.layers[0].digest), digest('1'));
  EXPECT_EQ(manifest.layers[0].size, 7U);
}

TEST(Manifest, DockersMediaTypesAreUnderstood) {
  const auto manifest = parse_manifest(
      manifest_of(descriptor("application/vnd.docker.container.image.v1+json", 'c'),
                  descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", '1')),
      docker_manifest);
  EXPECT_EQ(manifest.layers.size(), 1U);
}

TEST(Manifest, LayersThatCannotBeAppliedAreRefusedWithTheReason) {
  EXPECT_THAT(refusal_of_layer("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
              AllOf(HasSubstr("layers[0]"), HasSubstr("distributed")));
  EXPECT_THAT(refusal_of_layer("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
              HasSubstr("distributed"));
  EXPECT_THAT(refusal_of_layer("application/vnd.oci.image.layer.v1.tar+gzip+encrypted"),
              HasSubstr("encrypted"));
  EXPECT_THAT(refusal_of_layer("application/vnd.wasm.content.layer.v1+wasm"),
              HasSubstr("'application/vnd.wasm.content.layer.v1+wasm'"));
  EXPECT_THAT(refusal_of_layer(""), HasSubstr("''"));
}

TEST(Manifest, ArtifactsAreNoImages) {
  EXPECT_THAT(refusal_of_manifest(manifest_of(descriptor("application/vnd.oci.empty.v1+json", 'c'),
                                              descriptor(layer_type, '1'))),
              AllOf(HasSubstr("no image"), HasSubstr("oci.empty")));
}

TEST(Manifest, WhatIsNotOneIsRefused) {
  const std::string config = descriptor(config_type, 'c');
  const std::string layer = descriptor(layer_type, '1');
  EXPECT_THAT(refusal_of_manifest("[]"), HasSubstr("no object"));
  EXPECT_THAT(refusal_of_manifest("{}"), HasSubstr("schemaVersion"));
  EXPECT_THAT(refusal_of_manifest(R"({"schemaVersion":1,"fsLayers":[]})"), HasSubstr("schema 1"));
  EXPECT_THAT(refusal_of_manifest(R"({"schemaVersion":2,"layers":[]})"), HasSubstr("config"));
  EXPECT_THAT(refusal_of_manifest(manifest_of(config, "")), HasSubstr("no layers"));
  EXPECT_THAT(refusal_of_manifest(manifest_of(config, "7")), HasSubstr("layers[0]"));
  EXPECT_THAT(refusal_of_manifest(R"({"schemaVersion":2,"config":)" + config + R"(,"layers":[)" +
                                  layer + R"(],"manifests":[]})"),
              HasSubstr("manifests"));
  EXPECT_THAT(
      refusal_of_manifest(R"({"schemaVersion":2,"mediaType":")" + std::string(docker_manifest) +
                          R"(","config":)" + config + R"(,"layers":[)" + layer + "]}"),
      HasSubstr("announced"));
}

TEST(Manifest, SizesAndDigestsAreChecked) {
  const auto refusal_of_descriptor = [](const std::string& layer) {
    return refusal_of_manifest(manifest_of(descriptor(config_type, 'c'), layer));
  };
  const std::string type = R"({"mediaType":")" + std::string(layer_type) + R"(","digest":")";
  EXPECT_THAT(refusal_of_descriptor(type + digest('1') + R"(","size":-1})"), HasSubstr("size"));
  EXPECT_THAT(refusal_of_descriptor(type + digest('1') + R"("})"), HasSubstr("size"));
  for (const char* bad : {"sha256:../../../../etc/shadow", "", "md5:00", "sha256:"}) {
    EXPECT_THAT(refusal_of_descriptor(type + bad + R"(","size":1})"),
                AllOf(HasSubstr("layers[0]"), HasSubstr("digest")))
        << bad;
  }
  const std::string huge = type + digest('1') + R"(","size":9223372036854775807})";
  EXPECT_THAT(refusal_of_descriptor(huge + "," + huge), HasSubstr("add up"));
}

TEST(Index, WhatIsNotOneIsRefused) {
  const auto refusal = [](const std::string& text) {
    return refusal_of([&] { parse_index(text, media_type::oci_index); });
  };
  EXPECT_THAT(refusal(R"({"schemaVersion":2,"manifests":[],"layers":[]})"), HasSubstr("layers"));
  EXPECT_THAT(refusal(R"({"schemaVersion":2,"manifests":[],"config":{}})"), HasSubstr("config"));
  EXPECT_THAT(refusal(R"({"schemaVersion":2,"manifests":{}})"), HasSubstr("no list"));
  EXPECT_THAT(refusal(index_of({"{}"})), HasSubstr("manifests[0]"));
  EXPECT_THAT(refusal(index_of({entry('1', R"(,"platform":{"os":7})")})), HasSubstr("os"));
}

TEST(Index, OnlyImageIsTakenWithoutAName) {
  EXPECT_EQ(chosen({entry('1')}), "1");
  EXPECT_EQ(chosen({entry('1', called("v1"))}), "1");
  // Two tags of one image.
  EXPECT_EQ(chosen({entry('1', called("v1")), entry('1', called("v2"))}), "1");
  EXPECT_THAT(chosen({}), HasSubstr("no image"));
}

TEST(Index, NameSelects) {
  const std::vector<std::string> two{entry('1', called("v1")), entry('2', called("v2"))};
  EXPECT_EQ(chosen(two, "v2"), "2");
  EXPECT_THAT(chosen(two), AllOf(HasSubstr("several"), HasSubstr("v1, v2")));
  EXPECT_THAT(chosen(two, "v3"), AllOf(HasSubstr("no v3"), HasSubstr("v1, v2")));
  EXPECT_EQ(chosen({entry('1'), entry('2')}, digest('2')), "2");
  EXPECT_THAT(chosen({entry('1'), entry('2')}),
              AllOf(HasSubstr("several"), HasSubstr(digest('2'))));
  const std::string docker =
      R"(,"annotations":{"io.containerd.image.name":"docker.io/library/a:b",)"
      R"("org.opencontainers.image.ref.name":"b"})";
  EXPECT_EQ(chosen({entry('1', docker), entry('2', called("c"))}, "docker.io/library/a:b"), "1");
}

/// As `docker save` writes it of several images: the tag, and the whole name.
std::string saved_as(const std::string& name) {
  return R"(,"annotations":{"io.containerd.image.name":"docker.io/library/)" + name +
         R"(:latest","org.opencontainers.image.ref.name":"latest"})";
}

TEST(Index, ImagesOfOneTagAreToldApart) {
  const std::vector<std::string> two{entry('1', saved_as("a")), entry('2', saved_as("b"))};
  EXPECT_THAT(chosen(two), HasSubstr("several images in it: a:latest, b:latest"));
  for (const char* name : {"b", "b:latest", "docker.io/library/b:latest"})
    EXPECT_EQ(chosen(two, name), "2") << name;
}

TEST(Index, OfManyImagesSomeAreListed) {
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i)
    many.push_back(entry('1', called(std::string("v").append(std::to_string(100 + i)))));
  EXPECT_THAT(chosen(many, "x"), AllOf(HasSubstr("v109 and 90 more"), Not(HasSubstr("v110"))));
}

TEST(Index, ArtifactThatIsAnImageIsOne) {
  EXPECT_EQ(chosen({entry('1', R"(,"artifactType":"application/vnd.oci.image.config.v1+json")")}),
            "1");
}

TEST(Index, SeveralNamesForDifferentPlatformsAreSeveralImages) {
  EXPECT_THAT(chosen({entry('1', R"(,"platform":{"os":"linux","architecture":"amd64"})"),
                      entry('2', called("x"))}),
              HasSubstr("several"));
}

TEST(Index, RunningPlatformIsTaken) {
  const std::vector<std::string> platforms{entry('1', on("arm64", "v8")), entry('2', on("amd64")),
                                           entry('3', on("arm", "v7")),
                                           entry('4', on("arm", "v6"))};
  EXPECT_EQ(chosen(platforms), "2");
  EXPECT_EQ(chosen(platforms, {}, {"linux", "arm64", ""}), "1");
  EXPECT_EQ(chosen(platforms, {}, {"linux", "arm", "v7"}), "3");
  EXPECT_EQ(chosen(platforms, {}, {"linux", "arm", "v6"}), "4");
}

TEST(Index, KernelsNamesOfArchitecturesAreUnderstood) {
  const std::vector<std::string> platforms{entry('1', on("aarch64")), entry('2', on("x86_64"))};
  EXPECT_EQ(chosen(platforms), "2");
  EXPECT_EQ(chosen(platforms, {}, {"linux", "arm64", ""}), "1");
}

TEST(Index, ArtifactsBesideAnImageAreNoImages) {
  const std::string artifact = R"(,"artifactType":"application/spdx+json")";
  EXPECT_EQ(chosen({entry('1', called("x")), entry('2', artifact)}), "1");
  EXPECT_EQ(chosen({entry('1', ""), entry('2', artifact)}), "1");
  EXPECT_THAT(chosen({entry('2', artifact)}), HasSubstr("no image in it; there is nothing"));
}

TEST(Index, HighestVariantThatTheProcessorRunsIsTaken) {
  const std::vector<std::string> levels{
      entry('1', on("amd64")), entry('4', on("amd64", "v4")), entry('3', on("amd64", "v3")),
      entry('2', on("amd64", "v2")), entry('9', on("amd64", "x"))};
  EXPECT_EQ(chosen(levels), "3");
  EXPECT_EQ(chosen(levels, {}, {"linux", "amd64", ""}), "1");
}

TEST(Index, MissingPlatformIsAnErrorThatListsWhatIsThere) {
  EXPECT_THAT(
      chosen({entry('1', on("arm64", "v8")), entry('2', on("s390x")), entry('3', on("unknown"))}),
      AllOf(HasSubstr("linux/amd64,"), HasSubstr("linux/arm64/v8"), HasSubstr("linux/s390x")));
}

TEST(Index, AttestationsAreNoImages) {
  const std::string attestation =
      R"(,"platform":{"os":"unknown","architecture":"unknown"},"annotations":)"
      R"({"vnd.docker.reference.type":"attestation-manifest"})";
  EXPECT_EQ(chosen({entry('1', on("amd64")), entry('2', attestation)}), "1");
  EXPECT_THAT(chosen({entry('1', on("arm64")), entry('2', attestation)}),
              Not(HasSubstr("unknown")));
}

TEST(SavedImages, AreReadAndChosenByTag) {
  const auto images = parse_saved_images(R"([
    {"Config":"a.json","RepoTags":["busybox:latest","docker.io/library/debian:12"],
     "Layers":["1/layer.tar","2/layer.tar"]},
    {"Config":"b.json","RepoTags":null,"Layers":null}])");
  ASSERT_EQ(images.size(), 2U);
  EXPECT_THAT(images[0].layers, ElementsAre("1/layer.tar", "2/layer.tar"));
  for (const char* name : {"busybox", "busybox:latest", "docker.io/library/busybox", "debian:12",
                           "docker.io/library/debian:12", "@0"}) {
    EXPECT_EQ(choose(images, name).config, "a.json") << name;
  }
  EXPECT_EQ(choose(images, "@1").config, "b.json");
  EXPECT_THAT(refusal_of([&] { choose(images, ""); }),
              AllOf(HasSubstr("@0 busybox:latest"), HasSubstr("@1")));
  for (const char* name : {"busybox:1", "@2", "@", "@-1", "@0x", "debian"}) {
    EXPECT_THAT(refusal_of([&] { choose(images, name); }), HasSubstr("busybox:latest")) << name;
  }
  EXPECT_EQ(choose(std::span(images).first(1), "").config, "a.json");
  EXPECT_THAT(refusal_of([&] { choose(std::span<const SavedImage>(), ""); }),
              HasSubstr("no image"));
}

TEST(SavedImages, WrongTypesAreRefused) {
  for (const char* text :
       {"{}", "[7]", "[{}]", R"([{"Config":7}])", R"([{"Config":"a","Layers":7}])",
        R"([{"Config":"a","Layers":[7]}])", "["}) {
    EXPECT_NE(refusal_of([&] { parse_saved_images(text); }), "not refused") << text;
  }
}

TEST(PlatformFitness, ThisMachineRunsItself) {
  EXPECT_TRUE(fitness(running_platform(), running_platform()));
  EXPECT_EQ(running_platform().os, "linux");
}

}  // namespace
}  // namespace dboot::image
