#include <gtest/gtest.h>

#include "injector/archive/kind.hpp"

namespace dboot::image {
namespace {

TEST(System, IsKnownByItsDirectories) {
  for (const char* path : {"bin", "./etc", "usr/bin/env", "/var/", "lib64", "nix/store"})
    EXPECT_TRUE(is_of_a_system(path)) << path;
  for (const char* path : {"", ".", "./", "blobs/sha256", "abc/layer.tar", "manifest.json",
                           "../etc", "rootfs/etc", "etcetera"})
    EXPECT_FALSE(is_of_a_system(path)) << path;
}

TEST(RootFilesystemSigns, AreOneNameOfASystemOrManyThatNoImageHas) {
  RootFilesystemSigns one("archive");
  EXPECT_FALSE(one.show("init"));
  EXPECT_TRUE(one.show("./etc/"));
  RootFilesystemSigns many("archive");
  for (int i = 0; i < RootFilesystemSigns::most_additions; ++i)
    EXPECT_FALSE(many.show("file" + std::to_string(i)));
  EXPECT_TRUE(many.show("another"));
}

TEST(RootFilesystemSigns, AreNoNamesThatProgramsGiveToImages) {
  const std::string digest(64, 'a');
  RootFilesystemSigns signs("archive");
  for (int i = 0; i < RootFilesystemSigns::most_additions; ++i) {
    for (const std::string& name :
         {std::string("."), std::string("./"), std::string("blobs/sha256/") + digest,
          std::string("manifest.json"), std::string("oci-layout"), std::string("repositories"),
          std::string(digest), digest + ".json", digest + ".tar.gz", digest + "/VERSION",
          digest + "-layer.tar", std::string("sha256:") + digest, "._" + digest + ".json",
          std::string("/abc/layer.tar"), std::string("abc/json"), std::string("1.tgz")})
      EXPECT_FALSE(signs.show(name)) << name;
  }
}

}  // namespace
}  // namespace dboot::image
