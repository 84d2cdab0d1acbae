#include <gmock/gmock.h>

#include <functional>

#include "injector/document/config_file.hpp"
#include "injector/document/json.hpp"

namespace dboot::image {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string refusal_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const BadDocument& error) {
    return error.what();
  }
  return "not refused";
}

std::string refusal_of_config(const std::string& text) {
  return refusal_of([&] { parse_config_file(text); });
}

TEST(Json, DepthAndSizeAreBounded) {
  EXPECT_THAT(refusal_of([] { parse_json(std::string(100, '[')); }), HasSubstr("no JSON"));
  EXPECT_THAT(refusal_of([] { parse_json(std::string(40, '[') + std::string(40, ']')); }),
              HasSubstr("no JSON"));
  EXPECT_NO_THROW(parse_json(std::string(30, '[') + std::string(30, ']')));
  EXPECT_THAT(refusal_of([] { parse_json(std::string(101, ' '), 100); }), HasSubstr("101 bytes"));
  EXPECT_THAT(refusal_of([] { parse_json("{} x"); }), HasSubstr("no JSON"));
  EXPECT_THAT(refusal_of([] { parse_json(""); }), HasSubstr("no JSON"));
}

TEST(Json, SizesAreWholeAndNotNegative) {
  const auto size = [](const std::string& number) {
    return size_member(parse_json("{\"size\":" + number + "}"), "size");
  };
  EXPECT_EQ(size("0"), 0U);
  EXPECT_EQ(size("9223372036854775807"), 9223372036854775807U);
  for (const char* number : {"-1", "1.5", "9223372036854775808", "1e300", "\"1\"", "null", "[]"}) {
    EXPECT_THAT(refusal_of([&] { size(number); }), HasSubstr("size is no number")) << number;
  }
  EXPECT_THROW(size_member(parse_json("{}"), "size"), BadDocument);
}

TEST(ConfigFile, EveryFieldIsRead) {
  const auto file = parse_config_file(R"({
    "architecture": "arm64", "os": "linux", "variant": "v8",
    "config": {"Entrypoint": ["/e"], "Cmd": ["a", "b"], "Env": ["A=1"], "WorkingDir": "/w",
               "User": "u:g"},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:1", "sha256:2"]},
    "history": [{"empty_layer": true}]})");
  EXPECT_THAT(file.config.entrypoint, ElementsAre("/e"));
  EXPECT_THAT(file.config.cmd, ElementsAre("a", "b"));
  EXPECT_THAT(file.config.env, ElementsAre("A=1"));
  EXPECT_EQ(file.config.working_directory, "/w");
  EXPECT_EQ(file.config.user, "u:g");
  EXPECT_EQ(file.config.architecture, "arm64");
  EXPECT_EQ(file.config.os, "linux");
  EXPECT_EQ(file.variant, "v8");
  EXPECT_THAT(file.diff_ids, ElementsAre("sha256:1", "sha256:2"));
}

TEST(ConfigFile, AbsentNullAndEmptyAreTheSame) {
  for (const char* text : {"{}", R"({"config":null,"rootfs":null})",
                           R"({"config":{"Entrypoint":null,"Cmd":[],"Env":null,"User":null}})"}) {
    const auto file = parse_config_file(text);
    EXPECT_EQ(file.config, ImageConfig()) << text;
    EXPECT_THAT(file.diff_ids, IsEmpty());
  }
}

TEST(ConfigFile, WrongTypesAreRefusedByName) {
  EXPECT_THAT(refusal_of_config("[]"), HasSubstr("no object"));
  EXPECT_THAT(refusal_of_config(R"({"config":{"Cmd":1}})"), HasSubstr("Cmd is no list"));
  EXPECT_THAT(refusal_of_config(R"({"config":{"Env":["A=1",2]}})"), HasSubstr("Env[1]"));
  EXPECT_THAT(refusal_of_config(R"({"config":{"User":1}})"), HasSubstr("User is no string"));
  EXPECT_THAT(refusal_of_config("{\"config\":{\"Cmd\":[\"a\\u0000b\"]}}"), HasSubstr("NUL"));
  EXPECT_THAT(refusal_of_config(R"({"rootfs":{"type":"image"}})"), HasSubstr("type image"));
  EXPECT_THAT(refusal_of_config(R"({"rootfs":{"diff_ids":{}}})"), HasSubstr("diff_ids"));
}

}  // namespace
}  // namespace dboot::image
