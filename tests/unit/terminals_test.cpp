#include "injector/preflight/terminals.hpp"

#include <gmock/gmock.h>

#include "tests/support/failure_of.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::terminals {
namespace {

using testing::HasSubstr;

TEST(Terminals, ThatAreNotThereAreRefused) {
  const TemporaryDirectory directory;
  const std::string there = directory.path();
  std::filesystem::create_directory(directory / "ttyS0");
  EXPECT_NO_THROW(require("ttyS0", {"ttyS0", "/file", "udp:192.0.2.1:1"}, there));
  EXPECT_NO_THROW(require("auto", {}, there));
  EXPECT_NO_THROW(require("none", {}, there));
  EXPECT_NO_THROW(require("ttyS1", {}, there + "/missing"));
  EXPECT_THAT(failure_of([&] { require("ttyS1", {}, there); }),
              HasSubstr("there is no terminal ttyS1 on this machine, which --console names"));
  EXPECT_THAT(failure_of([&] {
                require("auto", {"ttyS0", "none"}, there);
              }),
              HasSubstr("there is no terminal none on this machine, which --log-to names"));
}

}  // namespace
}  // namespace dboot::terminals
