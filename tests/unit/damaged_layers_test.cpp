#include <gmock/gmock.h>

#include "injector/staging.hpp"
#include "injector/unpack/bad_entry.hpp"
#include "tests/unit/layers_fixture.hpp"

namespace dboot {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST_F(Layers, DamageIsReportedWithItsLayerAndEntry) {
  TarBuilder lower;
  lower.file("first", "1");
  TarBuilder upper(ARCHIVE_FILTER_GZIP);
  std::string bytes = upper.file("second", std::string(4'000'000, 'x')).finish();
  layer(lower);
  layers.push_back({"layer sha256:upper", 0, [bytes = bytes.substr(0, bytes.size() / 2)] {
                      return std::make_unique<Pieces>(bytes);
                    }});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("layer sha256:upper"), HasSubstr("second"),
                               HasSubstr("gzip data end too early")));
}

TEST_F(Layers, ChecksumBehindTheEndOfTheTarIsChecked) {
  std::string bytes = TarBuilder(ARCHIVE_FILTER_GZIP).file("a", "1").finish();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  layers.push_back({"layer 0", 0, [bytes] { return std::make_unique<Pieces>(bytes); }});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("layer 0"), HasSubstr("checksum")));
}

/// What a stream says about itself (a wrong digest) is not about an entry.
class LyingStream : public ByteStream {
 public:
  std::span<const char> next() override { throw Failure("the digest of blob x is wrong", "mend"); }
};

TEST_F(Layers, FailureOfAStreamComesThroughAsItIs) {
  layers.push_back({"layer 0", 0, [] { return std::make_unique<LyingStream>(); }});
  EXPECT_EQ(refusal(), "the digest of blob x is wrong");
}

TEST(LayersIntoTmpfs, BombThatWritesNothingIsRefused) {
  const Staging staging(1U << 20U, 100);
  // The same file again and again: it never fills the root.
  TarBuilder tar(ARCHIVE_FILTER_GZIP);
  const std::string block(1'000'000, '\0');
  for (int i = 0; i < 100; ++i) tar.file("a", block);
  const std::string bytes = tar.finish();
  const std::vector<rootfs::Layer> layers{
      {"layer bomb", 0, [&] { return std::make_unique<Pieces>(bytes); }}};
  Progress progress(0);
  try {
    rootfs::apply_layers(layers, staging.root(), progress);
    FAIL() << "100 MB went into 1 MiB";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("layer bomb"));
    EXPECT_THAT(failure.mend(), HasSubstr("--root-size"));
  }
}

}  // namespace
}  // namespace dboot
