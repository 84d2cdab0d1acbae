#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "injector/failure.hpp"
#include "injector/unpack/layers.hpp"
#include "tests/support/byte_streams.hpp"
#include "tests/support/tar_builder.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {

namespace fs = std::filesystem;

/// Layers that are applied to a root, beside which a canary lives.
class Layers : public testing::Test {
 public:
  Layers() {
    fs::create_directory(root);
    write_text(canary / "file", "alive");
    root_fd = open_directory(root);
  }
  ~Layers() override {
    EXPECT_EQ(read_text(canary / "file"), "alive");
    EXPECT_EQ(names_in(canary), std::vector<std::string>{"file"});
  }

  /// Layers from the lowest to the topmost.
  Layers& layer(TarBuilder& tar) {
    layers.push_back({"layer " + std::to_string(layers.size()), 0,
                      [bytes = tar.finish()] { return std::make_unique<Pieces>(bytes); }});
    return *this;
  }
  void apply() {
    Progress progress(0);
    rootfs::apply_layers(layers, root_fd.get(), progress);
  }
  std::string refusal() {
    try {
      apply();
    } catch (const Failure& failure) {
      return failure.what();
    }
    return "applied";
  }
  static std::vector<std::string> names_in(const fs::path& directory) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory)) {
      names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
  }
  std::vector<std::string> names(const std::string& path = ".") const {
    return names_in(root / path);
  }
  struct stat status(const std::string& name) const {
    struct stat result {};
    EXPECT_EQ(::lstat((root / name).c_str(), &result), 0) << name;
    return result;
  }
  std::string xattr(const std::string& path, const char* name) const {
    std::string value(256, '\0');
    const ssize_t size = ::lgetxattr((root / path).c_str(), name, value.data(), value.size());
    value.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return size < 0 ? std::generic_category().message(errno) : value;
  }

  TemporaryDirectory directory;
  const fs::path root = directory / "root";
  const fs::path canary = directory / "canary";
  UniqueFd root_fd;
  std::vector<rootfs::Layer> layers;
};

}  // namespace dboot
