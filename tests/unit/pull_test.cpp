#include "injector/engine/pull.hpp"

#include <gmock/gmock.h>

#include "injector/document/json.hpp"
#include "injector/engine/registry_auth.hpp"

namespace dboot::image {
namespace {

using testing::HasSubstr;

TEST(PullEvent, IsReadFromALine) {
  const auto event = parse_pull_event(
      R"({"status":"Downloading","progressDetail":{"current":3,"total":9},"progress":"[=>]","id":"ab"})");
  EXPECT_EQ(event, (PullEvent{"ab", "Downloading", 3, 9, ""}));
  EXPECT_EQ(parse_pull_event(R"({"errorDetail":{"message":"no such thing"},"error":"x"})").error,
            "no such thing");
  EXPECT_EQ(parse_pull_event(R"({"error":"podman says so"})").error, "podman says so");
  EXPECT_EQ(parse_pull_event(R"({"progressDetail":{"current":-1,"total":"x"}})"), PullEvent());
  EXPECT_THROW(parse_pull_event("<html>"), BadDocument);
  EXPECT_THROW(parse_pull_event(R"({"status":7})"), BadDocument);
}

TEST(PullDisplay, TerminalHasALineForEveryLayerRewrittenInPlace) {
  PullDisplay display(80);
  EXPECT_EQ(display.text_of({"", "Pulling from x", 0, 0, ""}), "Pulling from x\n");
  EXPECT_EQ(display.text_of({"a", "Waiting", 0, 0, ""}), "a: Waiting\n");
  EXPECT_EQ(display.text_of({"b", "Waiting", 0, 0, ""}), "b: Waiting\n");
  const std::string half = display.text_of({"a", "Downloading", 1024, 2048, ""});
  EXPECT_THAT(half, testing::StartsWith("\033[2A\r\033[K"));
  EXPECT_THAT(half, HasSubstr("[===============>               ] 1.0 KiB/2.0 KiB"));
  EXPECT_THAT(half, testing::EndsWith("\r\033[2B"));
  EXPECT_EQ(display.text_of({"b", "Done", 0, 0, ""}), "\033[1A\r\033[Kb: Done\r\033[1B");
}

TEST(PullDisplay, NarrowTerminalIsNotOverrun) {
  PullDisplay display(10);
  EXPECT_EQ(display.text_of({"0123456789abc", "Downloading", 5, 9, ""}), "012345678\n");
}

TEST(PullDisplay, ElsewhereThereIsALineForEveryNewState) {
  PullDisplay display(0);
  EXPECT_EQ(display.text_of({"a", "Downloading", 1, 9, ""}), "a: Downloading\n");
  EXPECT_EQ(display.text_of({"a", "Downloading", 2, 9, ""}), "");
  EXPECT_EQ(display.text_of({"a", "Done", 0, 0, ""}), "a: Done\n");
  EXPECT_EQ(display.text_of({"", "", 0, 0, ""}), "");
}

TEST(PullDisplay, NobodySteersTheTerminal) {
  PullDisplay display(0);
  EXPECT_EQ(display.text_of({"\033[2J", "a\nb", 0, 0, ""}), "?[2J: a?b\n");
}

TEST(PullReference, TagAndDigestAreToldApart) {
  const auto split = [](const std::string& name) {
    const auto reference = split_reference(name);
    return reference.name + " " + reference.tag;
  };
  EXPECT_EQ(split("debian"), "debian latest");
  EXPECT_EQ(split("debian:12"), "debian 12");
  EXPECT_EQ(split("host:5000/a/b"), "host:5000/a/b latest");
  EXPECT_EQ(split("host:5000/a/b:1"), "host:5000/a/b 1");
  EXPECT_EQ(split("a@sha256:00"), "a sha256:00");
  EXPECT_EQ(split("host:1/a:tag@sha256:00"), "host:1/a sha256:00");
}

TEST(RegistryOf, NamesWithoutARegistryAreOfDockerHub) {
  EXPECT_EQ(registry_of("debian"), "https://index.docker.io/v1/");
  EXPECT_EQ(registry_of("library/debian:12"), "https://index.docker.io/v1/");
  EXPECT_EQ(registry_of("docker.io/library/debian"), "https://index.docker.io/v1/");
  EXPECT_EQ(registry_of("ghcr.io/a/b"), "ghcr.io");
  EXPECT_EQ(registry_of("localhost/a"), "localhost");
  EXPECT_EQ(registry_of("box:5000/a"), "box:5000");
}

TEST(RegistryAuth, IsTheEngineHeaderOfWhatDockerLoginKeeps) {
  // user:pass
  const auto auth =
      parse_registry_auth(R"({"auths":{"ghcr.io":{"auth":"dXNlcjpwYXNz"}}})", "ghcr.io");
  // {"serveraddress":"ghcr.io","username":"user","password":"pass"}
  EXPECT_EQ(auth.header,
            "eyJzZXJ2ZXJhZGRyZXNzIjoiZ2hjci5pbyIsInVzZXJuYW1lIjoidXNlciIsInBhc3N3b3JkIjoicGFzcyJ9");
  EXPECT_EQ(auth.mend, "");
  EXPECT_NE(
      parse_registry_auth(R"({"auths":{"https://index.docker.io/v1/":{"auth":"dXNlcjpwYXNz"}}})",
                          registry_of("debian"))
          .header,
      "");
}

TEST(RegistryAuth, WhatIsNotThereIsNobody) {
  for (const char* config :
       {"", "{}", "[]", R"({"auths":7})", R"({"auths":{"other":{"auth":"eA=="}}})",
        R"({"auths":{"ghcr.io":{}}})", R"({"auths":{"ghcr.io":{"auth":"%%"}}})",
        R"({"auths":{"ghcr.io":{"auth":7}}})"}) {
    EXPECT_EQ(parse_registry_auth(config, "ghcr.io").header, "") << config;
  }
}

TEST(RegistryAuth, HelperThatKeepsThePasswordIsNamed) {
  EXPECT_THAT(
      parse_registry_auth(R"({"credsStore":"pass","auths":{"ghcr.io":{}}})", "ghcr.io").mend,
      HasSubstr("docker-credential-pass"));
  EXPECT_THAT(parse_registry_auth(R"({"credHelpers":{"ghcr.io":"gh"}})", "ghcr.io").mend,
              HasSubstr("docker-credential-gh"));
}

}  // namespace
}  // namespace dboot::image
