#include <gmock/gmock.h>

#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/temporary_directory.hpp"

// What a new system takes along from the host.
namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class FromHostOptions : public ::testing::Test {
 protected:
  FromHostOptions() {
    TarBuilder tar;
    add_busybox(tar);
    tar.symlink("data", "/srv/data");
    write_text(directory_ / "image.tar", tar.finish());
    write_text(directory_ / "tree/greeting", "hello from the host");
  }

  SandboxHost::Result rehearse(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {DBOOT_INJECT, "--rehearse"});
    return host_.run(arguments);
  }
  std::string path(const std::string& name) const { return directory_ / name; }

  TemporaryDirectory directory_;
  SandboxHost host_;
};

TEST_F(FromHostOptions, CopiesAreInTheNewSystemAndMayBeItsCommand) {
  write_text(path("tool"), "#!/bin/sh\ncat /etc/tree/greeting /data\n", 0755);
  const auto result =
      rehearse({"--copy", path("tree") + ":/etc/tree", "--copy", path("tree/greeting") + ":/data",
                "--copy", path("tool") + ":/usr/bin/tool", path("image.tar"), "tool"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("hello from the hosthello from the host"));
}

TEST_F(FromHostOptions, WhatIsNotThereIsNamedBeforeAnythingIsDone) {
  const auto result = rehearse({"--copy", path("nothing"), path("image.tar"), "true"});
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, AllOf(HasSubstr(path("nothing")), HasSubstr("No such file"),
                                   HasSubstr("--copy HOSTPATH")));
}

TEST_F(FromHostOptions, CopiesAreCountedBeforeAByteIsWritten) {
  const std::string big = path("big");
  write_text(big, "");
  std::filesystem::resize_file(big, std::uintmax_t{1} << 43U);
  const auto result = rehearse({"--copy", big, path("image.tar"), "true"});
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, HasSubstr("8.0 TiB"));
}

}  // namespace
}  // namespace dboot::testing
