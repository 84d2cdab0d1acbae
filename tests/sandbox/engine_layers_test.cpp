#include "injector/engine/overlay_storage.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/support/temporary_directory.hpp"

namespace dboot::image {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

/// The storage of an overlay driver with three layers, the uppermost first: c, b, a.
class Storage : public testing::Test {
 protected:
  Storage() {
    for (const std::string id : {"a", "b", "c"}) {
      write_text(home() / id / "diff/file", id);
      write_text(home() / id / "link", "L" + id);
      fs::create_directories(home() / "l");
      fs::create_symlink("../" + id + "/diff", home() / "l" / ("L" + id));
      layers_.directories.insert(layers_.directories.begin(), home() / id / "diff");
    }
    layers_.driver = "overlay2";
    write_text(home() / "c/lower", "l/Lb:l/La");
  }

  fs::path home() const { return directory_ / "overlay2"; }
  std::string reason() const {
    try {
      open_storage(layers_, ::getpid());
    } catch (const StorageOutOfReach& error) {
      return error.what();
    }
    return "none";
  }

  TemporaryDirectory directory_;
  EngineStorage layers_;
};

TEST_F(Storage, LayersAreOpenedTheUppermostFirst) {
  const auto layers = open_storage(layers_, ::getpid());
  ASSERT_EQ(layers.size(), 3U);
  EXPECT_EQ(sys::read_file_at(layers[0].get(), "file"), "c");
  EXPECT_EQ(sys::read_file_at(layers[2].get(), "file"), "a");
}

TEST_F(Storage, TheLowestLayerAloneHasNoneBelow) {
  layers_.directories = {home() / "a/diff"};
  EXPECT_EQ(open_storage(layers_, ::getpid()).size(), 1U);
}

TEST_F(Storage, OtherDriversHaveNoLayersToRead) {
  layers_ = {"vfs", {}};
  EXPECT_THAT(reason(), HasSubstr("vfs"));
}

TEST_F(Storage, EngineOfAnotherPidNamespaceIsNotHere) {
  EXPECT_THROW(open_storage(layers_, 0), StorageOutOfReach);
}

TEST_F(Storage, WhatIsNotThereIsOutOfReach) {
  layers_.directories[1] = home() / "elsewhere/diff";
  EXPECT_THAT(reason(), HasSubstr("No such file"));
}

TEST_F(Storage, NotesThatContradictTheEngineAreNoticed) {
  write_text(home() / "c/lower", "l/La:l/Lb");
  EXPECT_THAT(reason(), HasSubstr("another layer"));
  write_text(home() / "c/lower", "l/Lb");
  EXPECT_THAT(reason(), HasSubstr("fewer layers"));
  write_text(home() / "c/lower", "l/Lb:l/La:l/La");
  EXPECT_THAT(reason(), HasSubstr("more layers"));
  fs::remove(home() / "c/lower");
  EXPECT_THAT(reason(), HasSubstr("lower"));
  write_text(home() / "c/link", "Lb");
  EXPECT_THAT(reason(), HasSubstr("another layer"));
}

TEST_F(Storage, MappedOwnersAreNoticed) {
  ASSERT_EQ(::chown((home() / "b/diff").c_str(), 100'000, 100'000), 0);
  EXPECT_THAT(reason(), HasSubstr("mapped"));
}

}  // namespace
}  // namespace dboot::image
