#include "injector/image/reference.hpp"

#include <gmock/gmock.h>

#include "injector/failure.hpp"

namespace dboot::image {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string failure_of(const std::string& text) {
  try {
    parse_reference(text);
  } catch (const Failure& failure) {
    return std::string(failure.what()) + " | " + failure.mend();
  }
  return "no failure";
}

TEST(Reference, NamesIdsAndDigestsAreTheEngines) {
  for (const char* name : {"ubuntu", "ubuntu:24.04", "localhost:5000/a/b:c", "docker:24-dind",
                           "sha256:0123", "a@sha256:0123", "0123456789ab", "oci", ".a"}) {
    EXPECT_EQ(parse_reference(name), (Reference{Transport::engine, name, ""})) << name;
  }
  EXPECT_EQ(parse_reference("docker-daemon:ubuntu:24.04"),
            (Reference{Transport::engine, "ubuntu:24.04", ""}));
  EXPECT_EQ(parse_reference("docker-daemon:oci:latest"),
            (Reference{Transport::engine, "oci:latest", ""}));
  EXPECT_EQ(parse_reference("podman:quay.io/a:b"),
            (Reference{Transport::podman, "quay.io/a:b", ""}));
}

TEST(Reference, PathsAreRecognisedByTheirBeginningAndKeepTheirColons) {
  for (const char* path : {"/a.tar", "./a.tar", "../a.tar", "/a:b", "./oci:x", ".", "..", "/"}) {
    EXPECT_EQ(parse_reference(path), (Reference{Transport::path, path, ""})) << path;
  }
  EXPECT_EQ(parse_reference("-"), (Reference{Transport::standard_input, "", ""}));
}

TEST(Reference, PathOfAnArchiveEndsAtTheFirstColon) {
  EXPECT_EQ(parse_reference("docker-archive:a.tar"),
            (Reference{Transport::docker_archive, "a.tar", ""}));
  EXPECT_EQ(parse_reference("docker-archive:/x/a.tar:ubuntu:24.04"),
            (Reference{Transport::docker_archive, "/x/a.tar", "ubuntu:24.04"}));
  EXPECT_EQ(parse_reference("oci-archive:a.tar:localhost:5000/b:c"),
            (Reference{Transport::oci_archive, "a.tar", "localhost:5000/b:c"}));
  EXPECT_EQ(parse_reference("oci:layout:v1"), (Reference{Transport::oci_layout, "layout", "v1"}));
}

TEST(Reference, RootFilesystemsHoldOneImageSoTheirColonsArePartOfThePath) {
  EXPECT_EQ(parse_reference("dir:a:b"), (Reference{Transport::directory, "a:b", ""}));
  EXPECT_EQ(parse_reference("tar:./a:b.tar"), (Reference{Transport::tar, "./a:b.tar", ""}));
}

TEST(Reference, WhatCannotBeMeantIsRefusedWithAllTransports) {
  for (const char* text :
       {"", "oci:", "oci::x", "oci:a:", "tar:", "dir:", "podman:", "docker-archive:",
        "docker://ubuntu", "containers-storage:ubuntu", "https://example.org/a.tar", "oic://x"}) {
    EXPECT_THAT(failure_of(text),
                AllOf(HasSubstr(" | "), HasSubstr("docker-archive:"), HasSubstr("oci-archive:"),
                      HasSubstr("oci:"), HasSubstr("dir:"), HasSubstr("tar:"), HasSubstr("podman:"),
                      HasSubstr("docker-daemon:"), HasSubstr("standard input")))
        << text;
  }
  EXPECT_THAT(failure_of(std::string("a\0b", 3)), HasSubstr("NUL"));
}

TEST(Reference, TransportsAreNamedAsTheyAreWritten) {
  EXPECT_EQ(name_of(Transport::oci_archive), "oci-archive");
  EXPECT_EQ(name_of(Transport::path), "");
}

}  // namespace
}  // namespace dboot::image
